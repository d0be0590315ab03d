namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>A file or a directory in a directory.</summary>
internal sealed class FileItem
{
    /// <summary>Describes one.</summary>
    internal FileItem(string name, bool isDirectory, uint length)
    {
        Name = name;
        IsDirectory = isDirectory;
        Length = length;
    }

    /// <summary>Its name, as the file system has it.</summary>
    internal string Name { get; }

    /// <summary>Whether it is a directory.</summary>
    internal bool IsDirectory { get; }

    /// <summary>The length of a file in bytes.</summary>
    internal uint Length { get; }
}
