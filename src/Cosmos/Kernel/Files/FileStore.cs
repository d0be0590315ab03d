namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>Files in the root of a file system. What fails throws.</summary>
internal abstract class FileStore
{
    /// <summary>Whether there is a file of a name.</summary>
    public abstract bool Contains(string name);

    /// <summary>Creates a file.</summary>
    /// <param name="name">Its name, upper case, at most eight characters, a dot and three.</param>
    /// <param name="content">Its content.</param>
    public abstract void Create(string name, byte[] content);

    /// <summary>Reads a file that is there.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="destination">Room for it.</param>
    /// <returns>How many bytes were read.</returns>
    public abstract int Read(string name, byte[] destination);

    /// <summary>Deletes a file that is there.</summary>
    public abstract void Delete(string name);
}
