using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.FirmwareConfiguration;

/// <summary>The commands that a machine is started with, in <c>fw_cfg</c> as <c>opt/virtioguest/run</c>.</summary>
public static class FirmwareScript
{
    /// <summary>The name of the file that holds it.</summary>
    public const string FileName = "opt/virtioguest/run";

    private const int MaximumLength = 64 * 1024;
    private const char LargestAscii = '\x7F';
    private const char EndOfFile = '\x1A';

    /// <summary>Looks for the script.</summary>
    /// <param name="ports">Where <c>fw_cfg</c> may be.</param>
    /// <param name="output">Told why a script that is there cannot be used.</param>
    /// <param name="script">The script; null where there is none that can be used.</param>
    /// <returns>
    /// Whether there is one, usable or not; if so, no script given in another way takes its place.
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

    // Editors put a byte order mark in front (The Unicode Standard, 23.8), and some store 16 bits per character; old
    // ones put a control character at the end. A file may also end in zeros, which mean nothing.
    private static string Text(byte[] content)
    {
        bool isWide = content.Length >= 2 && content[0] + content[1] == 0xFE + 0xFF && content[0] >= 0xFE;
        bool isBigEndian = isWide && content[0] == 0xFE;
        bool hasUtf8Mark = content.Length >= 3 && content[0] == 0xEF && content[1] == 0xBB && content[2] == 0xBF;
        int start = isWide ? 2 : hasUtf8Mark ? 3 : 0;
        int width = isWide ? 2 : 1;
        var characters = new char[(content.Length - start + width - 1) / width];
        int length = 0;
        for (int index = start; index < content.Length; index += width)
        {
            int value = content[index];
            if (isWide)
            {
                int next = index + 1 < content.Length ? content[index + 1] : 0;
                value = isBigEndian ? (value << 8) | next : value | (next << 8);
            }

            characters[length++] = value <= LargestAscii ? (char)value : '?';
        }

        while (length != 0 && (characters[length - 1] is '\0' or EndOfFile))
        {
            length--;
        }

        return new string(characters, 0, length);
    }
}
