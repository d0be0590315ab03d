using System;
using VirtioGuest.Commands;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary>A command on a file. An exception of the file system fails the command.</summary>
internal abstract class FileCommand : Command
{
    private readonly FileTree _files;
    private readonly int _minimum;
    private readonly int _maximum;

    protected FileCommand(string usage, string summary, FileTree files, int minimum, int maximum)
        : base(usage, summary)
    {
        _files = files;
        _minimum = minimum;
        _maximum = maximum;
    }

    public sealed override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length < _minimum || arguments.Length > _maximum)
        {
            return CommandResult.WrongArguments;
        }

        try
        {
            string typed = arguments.Length == 0 ? "" : arguments[0];
            FilePath? path = FilePath.Find(_files, typed, out string failure);
            return path is null ? CommandResult.Failure(failure) : Run(shell, _files, path, arguments);
        }
        catch (Exception exception)
        {
            return CommandResult.Failure(ExceptionText.Of(exception));
        }
    }

    /// <param name="shell">The shell.</param>
    /// <param name="files">The files.</param>
    /// <param name="path">The path that the first argument names; the first root where there is no argument.</param>
    /// <param name="arguments">All arguments.</param>
    protected abstract CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments);

    /// <summary>Deletes a file, and looks whether it is gone: Cosmos does not say.</summary>
    /// <returns>Null, or what went wrong.</returns>
    protected static string? Delete(FileTree files, FilePath path)
    {
        files.Delete(path.Text);
        FilePath? left = FilePath.Find(files, path.Text, out string failure);
        return left is null ? failure
            : left.Item is null ? null : "the file system did not delete " + path.Text;
    }

    /// <summary>Why a path does not name an existing file; null where it does.</summary>
    protected static string? WhyNoFile(FilePath path) =>
        path.IsDirectory ? path.Text + " is a directory"
        : path.Item is null ? "there is no file " + path.Text : null;
}

internal sealed class ListFilesCommand : FileCommand
{
    /// <summary>Digits of the largest length that FAT allows.</summary>
    private const int Width = 10;

    internal ListFilesCommand(FileTree files)
        : base("ls [DIRECTORY]", "list files, on the first file system where none is named", files, 0, 1)
    {
    }

    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        if (!path.IsDirectory)
        {
            return path.Item is null
                ? CommandResult.Failure("there is no directory " + path.Text)
                : Show(shell, path.Item);
        }

        FileItem[] items = files.List(path.Text);
        int shown = 0;
        for (int i = 0; i < items.Length; i++)
        {
            // Every directory but the root lists itself and its parent.
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
        string spaces = "";
        for (int i = size.Length; i < Width; i++)
        {
            spaces += " ";
        }

        shell.Output.WriteLine(spaces + size + " " + item.Name);
        return CommandResult.Success;
    }
}

/// <summary><c>cat</c> shows a question mark for everything but ASCII.</summary>
internal sealed class ShowFileCommand : FileCommand
{
    /// <summary>The largest file that is shown, in bytes: Cosmos reads a file in one piece.</summary>
    internal const uint MaximumLength = 1 << 20;

    internal ShowFileCommand(FileTree files)
        : base("cat FILE", "show a text file", files, 1, 1)
    {
    }

    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        string? failure = WhyNoFile(path);
        if (failure is not null)
        {
            return CommandResult.Failure(failure);
        }

        uint length = path.Item!.Length;
        if (length > MaximumLength)
        {
            return CommandResult.Failure(
                path.Text + " has " + DecimalText.Of(length) + " bytes; at most " + DecimalText.Of(MaximumLength)
                + " are shown");
        }

        var content = new byte[length];
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

internal sealed class WriteFileCommand : FileCommand
{
    private const int MostWords = 1000;

    internal WriteFileCommand(FileTree files)
        : base("write FILE TEXT", "write a line of text to a file, in place of what was there", files, 2, MostWords)
    {
    }

    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        if (path.IsDirectory)
        {
            return CommandResult.Failure(path.Text + " is a directory");
        }

        byte[] content = LineOf(arguments);
        string? failure = path.Item is null ? null : Delete(files, path);
        if (failure is not null)
        {
            return CommandResult.Failure(failure);
        }

        files.Create(path.Text, content);
        shell.Output.WriteLine("wrote " + DecimalText.Of((ulong)(uint)content.Length) + " bytes to " + path.Text);
        return CommandResult.Success;
    }

    /// <summary>All words but the first, with spaces between them and a line feed at the end.</summary>
    private static byte[] LineOf(string[] words)
    {
        int length = 0;
        for (int i = 1; i < words.Length; i++)
        {
            length += words[i].Length + 1;
        }

        var line = new byte[length];
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

internal sealed class DeleteFileCommand : FileCommand
{
    internal DeleteFileCommand(FileTree files)
        : base("rm FILE", "delete a file", files, 1, 1)
    {
    }

    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        string? failure = WhyNoFile(path) ?? Delete(files, path);
        return failure is null ? CommandResult.Success : CommandResult.Failure(failure);
    }
}
