using System;
using VirtioGuest.Commands;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary><c>cat</c>: shows a text. What is no ASCII shows as a question mark.</summary>
internal sealed class ShowFileCommand : FileCommand
{
    /// <summary>The longest file that is shown, in bytes: Cosmos reads it in one piece.</summary>
    internal const uint Longest = 1 << 20;

    /// <summary>Creates the command.</summary>
    internal ShowFileCommand(FileTree files)
        : base("cat FILE", "show a text file", files, 1, 1)
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        string? failure = WhyNoFile(path);
        if (failure != null)
        {
            return CommandResult.Failure(failure);
        }

        uint length = path.Item!.Length;
        if (length > Longest)
        {
            return CommandResult.Failure(
                path.Text + " has " + DecimalText.Of(length) + " bytes; at most " + DecimalText.Of(Longest)
                + " are shown");
        }

        byte[] content = new byte[length];
        int count = length == 0 ? 0 : files.Read(path.Text, content);
        if (count != (int)length)
        {
            return CommandResult.Failure(
                path.Text + " has " + DecimalText.Of(length) + " bytes, of which only "
                + DecimalText.Of((ulong)(uint)count) + " were read");
        }

        Show(shell, content);
        return CommandResult.Success;
    }

    private static void Show(ShellContext shell, byte[] content)
    {
        int kept = 0;
        for (int i = 0; i < content.Length; i++)
        {
            byte value = content[i];
            if (value != '\r')
            {
                bool isText = value == '\n' || (value >= ' ' && value <= '~');
                content[kept++] = value == '\t' ? (byte)' ' : isText ? value : (byte)'?';
            }
        }

        shell.Output.Write(new ReadOnlySpan<byte>(content, 0, kept));
        if (kept != 0 && content[kept - 1] != '\n')
        {
            shell.Output.WriteLine("");
        }
    }
}
