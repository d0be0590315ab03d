namespace Cosmos.System.FileSystem.VFS;

public abstract class VFSBase
{
}
