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
    /// <param name="script">The script; null where there is none that can be used.</param>
    /// <returns>Whether there is one, usable or not.</returns>
    public static bool TryFind(PortSpace ports, string commandLine, TextOutput output, out string? script)
    {
        if (FirmwareScript.TryFind(ports, output, out script))
        {
            return true;
        }

        KernelCommandLine line = KernelCommandLine.Parse(commandLine);
        Failure? fault = FindFault(commandLine, line);
        if (fault is not null)
        {
            output.WriteLine("error: " + fault.Of("the kernel command line"));
            return true;
        }

        return line.TryGetValue(WordName, out script);
    }

    // Where it can be seen that the script is not what was meant, it is not run. Words for others mean nothing here.
    private static Failure? FindFault(string text, KernelCommandLine line)
    {
        bool hasScript = line.TryGetValue(WordName, out _);
        if (line.HasOpenQuote && text.Contains(WordName + "=", System.StringComparison.Ordinal))
        {
            return new Failure("has a quote that is not closed, so its script cannot be read");
        }

        for (int index = 0; index < line.Words.Count; index++)
        {
            if (!hasScript && line.Words[index] == WordName)
            {
                return new Failure("has the word run without a script: write run='COMMAND; COMMAND'");
            }

            if (KernelCommandLine.IsNamed(line.Words[index], WordName) && line.IsSplitAfter(index))
            {
                return new Failure(
                    "goes on after the semicolon of its script: write run='COMMAND; COMMAND' with quotes");
            }
        }

        return null;
    }
}
