using Cosmos.HAL.BlockDevice;

namespace Cosmos.System.FileSystem;

public abstract class FileSystemFactory
{
    public abstract FileSystem Create(Partition aDevice, string aRootPath, long aSize);
}
