using System;
using VirtioGuest.Commands;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Cosmos.Kernel.Machine;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary>A command on a file. What the file system throws is an error in words.</summary>
internal abstract class FileCommand : Command
{
    private readonly FileTree _files;
    private readonly int _fewest;
    private readonly int _most;

    /// <summary>Creates the command.</summary>
    /// <param name="usage">How it is called.</param>
    /// <param name="summary">What it does.</param>
    /// <param name="files">The files.</param>
    /// <param name="fewest">How many words it takes at least.</param>
    /// <param name="most">How many at most.</param>
    protected FileCommand(string usage, string summary, FileTree files, int fewest, int most)
        : base(usage, summary)
    {
        _files = files;
        _fewest = fewest;
        _most = most;
    }

    /// <inheritdoc/>
    public sealed override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length < _fewest || arguments.Length > _most)
        {
            return CommandResult.WrongArguments;
        }

        try
        {
            string typed = arguments.Length == 0 ? "" : arguments[0];
            FilePath? path = FilePath.Find(_files, typed, out string failure);
            return path == null ? CommandResult.Failure(failure) : Run(shell, _files, path, arguments);
        }
        catch (Exception exception)
        {
            return CommandResult.Failure(ExceptionText.Of(exception));
        }
    }

    /// <summary>Does it.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="files">The files.</param>
    /// <param name="path">What the first word names; the first root where there is none.</param>
    /// <param name="arguments">All words.</param>
    protected abstract CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments);

    /// <summary>Deletes the file that a path names, and looks whether it is gone: Cosmos does not tell.</summary>
    /// <returns>Null, or what went wrong.</returns>
    protected static string? Delete(FileTree files, FilePath path)
    {
        files.Delete(path.Text);
        FilePath? left = FilePath.Find(files, path.Text, out string failure);
        return left == null ? failure
            : left.Item == null ? null : "the file system did not delete " + path.Text;
    }

    /// <summary>Why a path is not the file that a command needs; null where it is.</summary>
    protected static string? WhyNoFile(FilePath path) =>
        path.IsDirectory ? path.Text + " is a directory"
        : path.Item == null ? "there is no file " + path.Text : null;
}
