using System;
using System.IO;

namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>An exception in words.</summary>
/// <remarks>
/// IL2CPU keeps no names of types, so only those are told apart that are asked for here; and its exceptions have one
/// message among them, that of the one that was made last.
/// </remarks>
internal static class ExceptionText
{
    /// <summary>The type, as far as it is known, and the message.</summary>
    internal static string Of(Exception exception)
    {
        string message = exception.Message;
        return TypeOf(exception) + (message is null || message.Length == 0 ? "" : ": " + message);
    }

    private static string TypeOf(Exception exception)
    {
        if (exception is IOException)
        {
            return "System.IO.IOException";
        }

        if (exception is ArgumentException)
        {
            return "System.ArgumentException";
        }

        if (exception is InvalidOperationException)
        {
            return "System.InvalidOperationException";
        }

        if (exception is NotSupportedException)
        {
            return "System.NotSupportedException";
        }

        if (exception is InsufficientMemoryException)
        {
            return "System.InsufficientMemoryException";
        }

        return exception is NotImplementedException ? "System.NotImplementedException" : "System.Exception";
    }
}
