using System.IO;

namespace Cosmos.System.FileSystem.Listing;

public abstract class DirectoryEntry
{
    public long mSize;
    public string mName;
    public readonly DirectoryEntryTypeEnum mEntryType;

    internal DirectoryEntry() => throw null;

    public abstract Stream GetFileStream();
}
