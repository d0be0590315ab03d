using VirtioGuest.Commands;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary><c>ls</c>: shows what a directory has.</summary>
internal sealed class ListFilesCommand : FileCommand
{
    /// <summary>How wide the lengths are: as many digits as the longest file of a FAT has.</summary>
    private const int Width = 10;

    /// <summary>Creates the command.</summary>
    internal ListFilesCommand(FileTree files)
        : base("ls [DIRECTORY]", "list files, on the first file system where none is named", files, 0, 1)
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        if (!path.IsDirectory)
        {
            return path.Item == null
                ? CommandResult.Failure("there is no directory " + path.Text)
                : Show(shell, path.Item);
        }

        FileItem[] items = files.List(path.Text);
        int shown = 0;
        for (int i = 0; i < items.Length; i++)
        {
            // Every directory but the root has itself and its parent in it.
            if (items[i].Name != "." && items[i].Name != "..")
            {
                Show(shell, items[i]);
                shown++;
            }
        }

        if (shown == 0)
        {
            shell.Output.WriteLine("no files in " + path.Text);
        }

        return CommandResult.Success;
    }

    private static CommandResult Show(ShellContext shell, FileItem item)
    {
        string size = item.IsDirectory ? "directory" : DecimalText.Of(item.Length);
        string blanks = "";
        for (int i = size.Length; i < Width; i++)
        {
            blanks += " ";
        }

        shell.Output.WriteLine(blanks + size + " " + item.Name);
        return CommandResult.Success;
    }
}
