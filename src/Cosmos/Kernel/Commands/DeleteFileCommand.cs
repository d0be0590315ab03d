using VirtioGuest.Commands;
using VirtioGuest.Cosmos.Kernel.Files;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary><c>rm</c>: deletes a file.</summary>
internal sealed class DeleteFileCommand : FileCommand
{
    /// <summary>Creates the command.</summary>
    internal DeleteFileCommand(FileTree files)
        : base("rm FILE", "delete a file", files, 1, 1)
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, FileTree files, FilePath path, string[] arguments)
    {
        string? failure = WhyNoFile(path) ?? Delete(files, path);
        return failure == null ? CommandResult.Success : CommandResult.Failure(failure);
    }
}
