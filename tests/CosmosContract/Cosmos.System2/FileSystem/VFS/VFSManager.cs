using System.Collections.Generic;
using Cosmos.System.FileSystem.Listing;

namespace Cosmos.System.FileSystem.VFS;

public static class VFSManager
{
    public static void RegisterVFS(VFSBase aVFS, bool aShowInfo = true, bool aAllowReinitialise = false) => throw null;

    public static DirectoryEntry CreateFile(string aPath) => throw null;

    public static void DeleteFile(string aPath) => throw null;

    public static DirectoryEntry GetFile(string aPath) => throw null;

    public static List<DirectoryEntry> GetDirectoryListing(string aPath) => throw null;
}
