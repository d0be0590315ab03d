using System.Collections.Generic;
using Cosmos.HAL.BlockDevice;

namespace Cosmos.System.FileSystem;

public class Disk
{
    public BlockDevice Host;

    internal Disk() => throw null;

    public List<ManagedPartition> Partitions => throw null;

    public void MountPartition(int index) => throw null;
}
