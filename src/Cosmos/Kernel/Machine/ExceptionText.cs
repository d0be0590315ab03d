using System;
using System.IO;

namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>Exceptions as text.</summary>
/// <remarks>
/// IL2CPU keeps no names of types, so only the types listed here are named. All its exceptions share one message, that
/// of the exception created last.
/// </remarks>
internal static class ExceptionText
{
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
