using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 3: reads random bytes through a split queue, one buffer at a time. The text is in README.md.</summary>
public sealed class Source : RandomSource
{
    private const ushort QueueIndex = 0;
    private const uint MostBytes = 256;

    private LabMachine _machine = null!;
    private VirtioFunction _device = null!;
    private DmaBlock _buffer = null!;

    public override void Start(LabMachine machine, VirtioFunction device)
    {
        _machine = machine;
        _device = device;
        _buffer = machine.Allocate(MostBytes, 16);

        // Step 1: select queue 0, read its size, allocate its three parts.
        // Step 2: tell the device their addresses, and enable the queue.
        // Step 3: DRIVER_OK.
        device.Common.Write16(CommonOffset.QueueSelect, QueueIndex);
        throw new NotDoneYetException("steps 1 to 3, set the queue up");
    }

    public override byte[] Read(int count)
    {
        // Step 4: fill descriptor 0, put its number into the available ring, publish idx.
        // Step 5: notify.
        // Step 6: wait until idx of the used ring has changed; take the length; return the bytes.
        _ = (_machine, _device, _buffer);
        throw new NotDoneYetException("steps 4 to 6, read");
    }
}
