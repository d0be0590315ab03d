using System.Collections.Generic;

namespace Cosmos.HAL.BlockDevice;

public class Partition : BlockDevice
{
    public static List<Partition> Partitions;

    public Partition(BlockDevice aHost, ulong StartingSector, ulong SectorCount) => throw null;

    public override BlockDeviceType Type => throw null;

    public override void ReadBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) => throw null;

    public override void WriteBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) => throw null;
}
