using Cosmos.HAL.BlockDevice;

namespace Cosmos.System.FileSystem.FAT;

public class FatFileSystemFactory : FileSystemFactory
{
    public FatFileSystemFactory() => throw null;

    public override FileSystem Create(Partition aDevice, string aRootPath, long aSize) => throw null;
}
