namespace Cosmos.System.FileSystem.VFS;

public static class VFSManager
{
    public static void RegisterVFS(VFSBase aVFS, bool aShowInfo = true, bool aAllowReinitialise = false) => throw null;
}
