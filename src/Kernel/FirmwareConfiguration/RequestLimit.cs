using System;
using System.Globalization;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Kernel.FirmwareConfiguration;

/// <summary>
/// The limit that the user chose for requests to disks: <c>timeout=SECONDS</c> on the kernel command line. Without it
/// there is none, because a slow device is not a broken one.
/// </summary>
internal static class RequestLimit
{
    private const string WordName = "timeout";
    private const int MaximumSeconds = 86_400;

    /// <summary>Reads the limit.</summary>
    /// <param name="commandLine">The kernel command line.</param>
    /// <param name="output">Where it is said why a value that is there cannot be used.</param>
    /// <returns>The limit; zero where there is none.</returns>
    public static TimeSpan Read(string commandLine, TextOutput output)
    {
        if (!KernelCommandLine.Parse(commandLine).TryGetValue(WordName, out string? value))
        {
            return TimeSpan.Zero;
        }

        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            && seconds <= MaximumSeconds)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        output.WriteLine(
            $"error: {WordName}={value}: takes seconds, 1 to {MaximumSeconds}, or 0 for no limit; there is none now");
        return TimeSpan.Zero;
    }
}
