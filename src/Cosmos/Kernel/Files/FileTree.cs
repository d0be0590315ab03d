namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>
/// Files of the mounted file systems, by whole paths such as <c>0:\NOTES\A.TXT</c>. What fails throws.
/// </summary>
internal abstract class FileTree
{
    /// <summary>How the paths of each file system start, for example <c>0:\</c>.</summary>
    public abstract string[] Roots { get; }

    /// <summary>Lists what a directory has.</summary>
    /// <param name="directory">The path of a directory that is there, or a root.</param>
    public abstract FileItem[] List(string directory);

    /// <summary>Reads a file that is there.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="destination">As long as the file.</param>
    /// <returns>How many bytes were read.</returns>
    public abstract int Read(string path, byte[] destination);

    /// <summary>Creates a file that is not there, in a directory that is.</summary>
    public abstract void Create(string path, byte[] content);

    /// <summary>Deletes a file that is there; whether it did is seen by looking.</summary>
    public abstract void Delete(string path);
}
