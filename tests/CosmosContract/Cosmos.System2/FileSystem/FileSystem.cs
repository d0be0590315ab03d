using System.Collections.Generic;
using Cosmos.System.FileSystem.Listing;

namespace Cosmos.System.FileSystem;

public abstract class FileSystem
{
    internal FileSystem() => throw null;

    public abstract List<DirectoryEntry> GetDirectoryListing(DirectoryEntry baseDirectory);

    public abstract DirectoryEntry GetRootDirectory();

    public abstract DirectoryEntry CreateFile(DirectoryEntry aParentDirectory, string aNewFile);

    public abstract void DeleteFile(DirectoryEntry aPath);
}
