using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 1: finds a virtio device on the PCI bus.</summary>
public sealed class Finder : DeviceFinder
{
    private const ushort VirtioVendor = 0x1AF4;
    private const ushort FirstModernDevice = 0x1040;

    private const uint Vendor = 0x00;
    private const uint DeviceId = 0x02;
    private const uint Command = 0x04;
    private const uint Status = 0x06;
    private const uint BaseAddresses = 0x10;
    private const uint CapabilitiesPointer = 0x34;

    private const ushort MemoryDecode = 1 << 1;
    private const ushort BusMaster = 1 << 2;
    private const ushort HasCapabilities = 1 << 4;
    private const byte VendorSpecific = 0x09;

    private const byte CommonKind = 1;
    private const byte NotifyKind = 2;
    private const byte IsrKind = 3;
    private const byte SpecificKind = 4;

    public override byte? Find(LabMachine machine, ushort deviceType)
    {
        for (byte device = 0; device < 32; device++)
        {
            ConfigurationSpace space = machine.Configuration(device);
            if (space.Read16(Vendor) == VirtioVendor && space.Read16(DeviceId) == FirstModernDevice + deviceType)
            {
                return device;
            }
        }

        return null;
    }

    public override VirtioFunction? Open(LabMachine machine, byte device)
    {
        ConfigurationSpace space = machine.Configuration(device);
        if ((space.Read16(Status) & HasCapabilities) == 0)
        {
            return null;
        }

        space.Write16(Command, (ushort)(space.Read16(Command) | MemoryDecode | BusMaster));
        RegisterRegion? common = null;
        RegisterRegion? notify = null;
        RegisterRegion? isr = null;
        RegisterRegion? specific = null;
        uint multiplier = 0;
        uint at = (uint)(space.Read8(CapabilitiesPointer) & ~3);
        while (at != 0)
        {
            byte kind = space.Read8(at + 3);
            byte bar = space.Read8(at + 4);
            bool isKnown = kind is >= CommonKind and <= SpecificKind;
            bool isStructure = space.Read8(at) == VendorSpecific && isKnown && bar <= 5;
            if (isStructure && kind == CommonKind)
            {
                common ??= Map(machine, space, at, bar);
            }
            else if (isStructure && kind == NotifyKind && notify is null)
            {
                notify = Map(machine, space, at, bar);
                multiplier = space.Read32(at + 16);
            }
            else if (isStructure && kind == IsrKind)
            {
                isr ??= Map(machine, space, at, bar);
            }
            else if (isStructure && kind == SpecificKind)
            {
                specific ??= Map(machine, space, at, bar);
            }

            at = (uint)(space.Read8(at + 1) & ~3);
        }

        return common is null || notify is null || isr is null
            ? null
            : new VirtioFunction(device, common, notify, multiplier, isr, specific);
    }

    private static RegisterRegion Map(LabMachine machine, ConfigurationSpace space, uint capability, byte bar)
    {
        uint place = BaseAddresses + (4u * bar);
        uint low = space.Read32(place);
        ulong address = low & ~0xFu;
        if ((low & 6) == 4)
        {
            address |= (ulong)space.Read32(place + 4) << 32;
        }

        return machine.Map(address + space.Read32(capability + 8), space.Read32(capability + 12));
    }
}
