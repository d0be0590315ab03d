using System;

namespace VirtioGuest.Build;

/// <summary>A failure that the user can act on: its message is printed alone, without a stack trace.</summary>
internal sealed class BuildFailure : Exception
{
    public BuildFailure(string message)
        : base(message)
    {
    }

    public BuildFailure(string message, Exception inner)
        : base(message, inner)
    {
    }
}
