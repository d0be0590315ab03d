using System.Collections.Generic;
using Cosmos.System.FileSystem.Listing;
using Cosmos.System.FileSystem.VFS;

namespace Cosmos.System.FileSystem;

public class CosmosVFS : VFSBase
{
    public List<Disk> Disks => throw null;

    public override bool DeleteFile(DirectoryEntry aPath) => throw null;

    protected virtual void InitializePartitions() => throw null;
}
