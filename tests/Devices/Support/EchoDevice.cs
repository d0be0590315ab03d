using System;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>The smallest device there is: it copies what it reads of a buffer to where it may write.</summary>
internal sealed class EchoDevice(GuestMemory memory, int queueCount = 2) : VirtioDeviceModel(42, queueCount, 24, memory)
{
    public const ulong TypeFeature = 1UL << 5;

    public int Resets { get; private set; }

    public byte Written { get; private set; }

    protected override ulong TypeFeatures => TypeFeature;

    public void Change(int offset, byte value) => ChangeConfiguration(() => ConfigurationStore[offset] = value);

    protected override bool Serve(ModelQueue queue)
    {
        if (queue.Ring!.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        byte[] bytes = new byte[(int)Math.Min(chain.ReadableLength, chain.WritableLength)];
        chain.TryRead(0, bytes);
        chain.TryWrite(0, bytes);
        queue.Finish(chain, (uint)bytes.Length, mayShorten: true);
        return true;
    }

    protected override bool TakesConfiguration(uint offset, int width, uint value)
    {
        if (offset != 20 || width != 1)
        {
            return false;
        }

        Written = (byte)value;
        return true;
    }

    protected override void OnReset() => Resets++;
}
