using VirtioGuest.Commands;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary><c>write</c>: makes a file of one line, in place of the one that is there.</summary>
internal sealed class WriteFileCommand : FileCommand
{
    private const int MostWords = 1000;

    /// <summary>Creates the command.</summary>
    internal WriteFileCommand(FileTree files)
        : base("write FILE TEXT", "write a line of text to a file, in place of what was there", files, 2, MostWords)
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        if (path.IsDirectory)
        {
            return CommandResult.Failure(path.Text + " is a directory");
        }

        byte[] content = LineOf(arguments);
        string? failure = path.Item == null ? null : Delete(files, path);
        if (failure != null)
        {
            return CommandResult.Failure(failure);
        }

        files.Create(path.Text, content);
        shell.Output.WriteLine("wrote " + DecimalText.Of((ulong)(uint)content.Length) + " bytes to " + path.Text);
        return CommandResult.Success;
    }

    /// <summary>The words after the first, with a blank between them and a line feed behind them.</summary>
    private static byte[] LineOf(string[] words)
    {
        int length = 0;
        for (int i = 1; i < words.Length; i++)
        {
            length += words[i].Length + 1;
        }

        byte[] line = new byte[length];
        int next = 0;
        for (int i = 1; i < words.Length; i++)
        {
            for (int j = 0; j < words[i].Length; j++)
            {
                line[next++] = (byte)words[i][j];
            }

            line[next++] = i == words.Length - 1 ? (byte)'\n' : (byte)' ';
        }

        return line;
    }
}
