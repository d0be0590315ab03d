using System.Text;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.FirmwareConfiguration;

/// <summary>
/// Finds the commands that the kernel was started with: in <c>fw_cfg</c> as <c>opt/virtioguest/run</c>, else on the
/// kernel command line as <c>run=</c>.
/// </summary>
internal static class ScriptSource
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "opt/virtioguest/run";

    private const string WordName = "run";
    private const int MaximumLength = 64 * 1024;

    /// <summary>Finds the script.</summary>
    /// <param name="ports">Where <c>fw_cfg</c> may be.</param>
    /// <param name="commandLine">The kernel command line.</param>
    /// <param name="output">Where it is said why a script that is there cannot be used.</param>
    /// <returns>The script, or null where there is none.</returns>
    public static string? Find(PortSpace ports, string commandLine, TextOutput output)
    {
        FirmwareConfigurationDevice? device = FirmwareConfigurationDevice.Find(ports);
        if (device is not null)
        {
            switch (device.TryReadFile(FileName, MaximumLength, out byte[] content))
            {
                case FirmwareFileStatus.Found:
                    // A file given by path may end in a zero or in line ends; both mean nothing.
                    return Encoding.ASCII.GetString(content).TrimEnd('\0');
                case FirmwareFileStatus.TooLong:
                    output.WriteLine("error: " + FileName + " is longer than 64 KiB");
                    return null;
                default:
                    break;
            }
        }

        if (!KernelCommandLine.TryParse(commandLine, out KernelCommandLine? words))
        {
            output.WriteLine("error: a quote is not closed on the kernel command line: " + commandLine);
            return null;
        }

        return words.TryGetValue(WordName, out string? script) ? script : null;
    }
}
