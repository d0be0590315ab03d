using VirtioGuest.Commands.FirmwareConfiguration;
using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.FirmwareConfiguration;

/// <summary>
/// Finds the commands that the kernel was started with: in <c>fw_cfg</c> as <c>opt/virtioguest/run</c>, else on the
/// kernel command line as <c>run=</c>.
/// </summary>
internal static class ScriptSource
{
    private const string WordName = "run";

    /// <summary>Finds the script.</summary>
    /// <param name="ports">Where <c>fw_cfg</c> may be.</param>
    /// <param name="commandLine">The kernel command line.</param>
    /// <param name="output">Where it is said why a script that is there cannot be used.</param>
    /// <returns>The script, or null where there is none.</returns>
    public static string? Find(PortSpace ports, string commandLine, TextOutput output)
    {
        if (FirmwareScript.TryFind(ports, output, out string? given))
        {
            return given;
        }

        if (!KernelCommandLine.TryParse(commandLine, out KernelCommandLine? words))
        {
            output.WriteLine("error: a quote is not closed on the kernel command line: " + commandLine);
            return null;
        }

        return words.TryGetValue(WordName, out string? script) ? script : null;
    }
}
