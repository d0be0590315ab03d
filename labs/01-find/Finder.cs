using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 1: finds a virtio device on the PCI bus. The text is in README.md.</summary>
public sealed class Finder : DeviceFinder
{
    private const uint Vendor = 0x00;
    private const uint Command = 0x04;
    private const uint CapabilitiesPointer = 0x34;

    public override byte? Find(LabMachine machine, ushort deviceType)
    {
        // Step 1: look at the devices 0 to 31. Where there is none, the vendor reads as 0xFFFF.
        ConfigurationSpace space = machine.Configuration(0);
        _ = space.Read16(Vendor);
        throw new NotDoneYetException("step 1, find the device");
    }

    public override VirtioFunction? Open(LabMachine machine, byte device)
    {
        // Step 2: switch memory decoding and bus mastering on in the command register.
        // Step 3: walk the list of capabilities, from the pointer at 0x34 on.
        // Step 4: for each virtio structure, compute where it is, and map it.
        ConfigurationSpace space = machine.Configuration(device);
        _ = space.Read16(Command);
        _ = space.Read8(CapabilitiesPointer);
        throw new NotDoneYetException("steps 2 to 4, open the device");
    }
}
