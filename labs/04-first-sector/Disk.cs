using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 4: reads sectors of a disk, one at a time. The text is in README.md.</summary>
public sealed class Disk : SectorReader
{
    private const uint SectorLength = 512;
    private const uint DataOffset = 16;
    private const uint StatusOffset = DataOffset + SectorLength;

    private VirtioFunction _device = null!;
    private DmaBlock _request = null!;

    public override void Start(LabMachine machine, VirtioFunction device)
    {
        _device = device;
        _request = machine.Allocate(StatusOffset + 1, 16);

        // Step 1: set queue 0 up and go live, as in lab 3.
        throw new NotDoneYetException("step 1, set the queue up");
    }

    public override ulong ReadCapacity()
    {
        // Step 2: 64 bits at offset 0 of the device-specific configuration, in two halves of one moment.
        _ = _device.Common.Read8(CommonOffset.ConfigurationGeneration);
        throw new NotDoneYetException("step 2, read the capacity");
    }

    public override byte[]? ReadSector(ulong sector)
    {
        // Step 3: a header of 16 bytes, 512 bytes of data, a status byte: three descriptors.
        // Step 4: publish, notify, wait.
        // Step 5: look at the status.
        _ = _request.Length;
        throw new NotDoneYetException("steps 3 to 5, read a sector");
    }
}
