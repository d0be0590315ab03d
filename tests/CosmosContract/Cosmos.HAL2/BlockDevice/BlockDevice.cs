using System.Collections.Generic;

namespace Cosmos.HAL.BlockDevice;

public abstract class BlockDevice : Device
{
    public static List<BlockDevice> Devices;

    protected ulong mBlockCount;

    protected ulong mBlockSize;

    public abstract BlockDeviceType Type { get; }

    public abstract void ReadBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData);

    public abstract void WriteBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData);
}
