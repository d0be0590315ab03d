using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.FirmwareConfiguration;

/// <summary>The commands that a machine is started with, in <c>fw_cfg</c> as <c>opt/virtioguest/run</c>.</summary>
public static class FirmwareScript
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "opt/virtioguest/run";

    private const int MaximumLength = 64 * 1024;
    private const byte LargestAscii = 0x7F;

    /// <summary>Looks for the script.</summary>
    /// <param name="ports">Where <c>fw_cfg</c> may be.</param>
    /// <param name="output">Where it is said why a script that is there cannot be used.</param>
    /// <param name="script">The script; null where there is none that can be used.</param>
    /// <returns>
    /// Whether there is one, usable or not; if so, nothing given in another way takes its place.
    /// </returns>
    public static bool TryFind(PortSpace ports, TextOutput output, out string? script)
    {
        script = null;
        FirmwareConfigurationDevice? device = FirmwareConfigurationDevice.Find(ports);
        if (device is null)
        {
            return false;
        }

        FirmwareFileStatus status = device.TryReadFile(FileName, MaximumLength, out byte[] content);
        if (status == FirmwareFileStatus.TooLong)
        {
            output.WriteLine("error: " + FileName + " is longer than 64 KiB");
        }
        else if (status == FirmwareFileStatus.Found)
        {
            script = Text(content);
        }

        return status != FirmwareFileStatus.Missing;
    }

    private static string Text(byte[] content)
    {
        // A file given by path may end in zeros, which mean nothing.
        int length = content.Length;
        while (length != 0 && content[length - 1] == 0)
        {
            length--;
        }

        var characters = new char[length];
        for (int index = 0; index < length; index++)
        {
            byte value = content[index];
            characters[index] = value <= LargestAscii ? (char)value : '?';
        }

        return new string(characters);
    }
}
