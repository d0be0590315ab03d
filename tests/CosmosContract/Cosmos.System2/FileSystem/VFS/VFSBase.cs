using Cosmos.System.FileSystem.Listing;

namespace Cosmos.System.FileSystem.VFS;

public abstract class VFSBase
{
    public abstract bool DeleteFile(DirectoryEntry aPath);
}
