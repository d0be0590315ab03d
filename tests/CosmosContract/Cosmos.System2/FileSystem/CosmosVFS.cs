using System.Collections.Generic;
using Cosmos.System.FileSystem.VFS;

namespace Cosmos.System.FileSystem;

public class CosmosVFS : VFSBase
{
    public List<Disk> Disks => throw null;

    protected virtual void InitializePartitions() => throw null;
}
