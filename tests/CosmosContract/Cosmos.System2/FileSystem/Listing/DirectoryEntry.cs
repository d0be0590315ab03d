using System.IO;

namespace Cosmos.System.FileSystem.Listing;

public abstract class DirectoryEntry
{
    public string mName;

    internal DirectoryEntry() => throw null;

    public abstract Stream GetFileStream();
}
