namespace VirtioGuest.Cosmos.Block;

/// <summary>Where a partition lies on its disk.</summary>
public sealed class PartitionExtent
{
    /// <summary>Describes a partition.</summary>
    public PartitionExtent(ulong firstSector, ulong sectorCount)
    {
        FirstSector = firstSector;
        SectorCount = sectorCount;
    }

    /// <summary>Its first sector.</summary>
    public ulong FirstSector { get; }

    /// <summary>How many sectors it has, at least 1.</summary>
    public ulong SectorCount { get; }
}
