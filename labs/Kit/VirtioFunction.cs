using VirtioGuest.Pci;

namespace VirtioGuest.Labs;

/// <summary>A virtio device on PCI, found and mapped: what lab 1 is about, and what later labs begin with.</summary>
/// <param name="Device">Its device number on bus 0.</param>
/// <param name="Common">The common configuration structure (virtio 1.4, 4.1.4.3).</param>
/// <param name="Notify">The notification structure (4.1.4.4).</param>
/// <param name="NotifyMultiplier">What a queue's <c>queue_notify_off</c> is multiplied by there.</param>
/// <param name="Isr">The ISR status (4.1.4.5).</param>
/// <param name="Specific">The device-specific configuration (4.1.4.6); null for a device that has none.</param>
public sealed record VirtioFunction(
    byte Device,
    RegisterRegion Common,
    RegisterRegion Notify,
    uint NotifyMultiplier,
    RegisterRegion Isr,
    RegisterRegion? Specific);

/// <summary>Offsets in the common configuration structure (virtio 1.4, 4.1.4.3).</summary>
public static class CommonOffset
{
    /// <summary>le32: which 32 feature bits <see cref="DeviceFeature"/> shows.</summary>
    public const uint DeviceFeatureSelect = 0x00;

    /// <summary>le32: features that the device offers.</summary>
    public const uint DeviceFeature = 0x04;

    /// <summary>le32: which 32 feature bits <see cref="DriverFeature"/> is about.</summary>
    public const uint DriverFeatureSelect = 0x08;

    /// <summary>le32: features that the driver accepts.</summary>
    public const uint DriverFeature = 0x0C;

    /// <summary>le16: how many queues there are.</summary>
    public const uint QueueCount = 0x12;

    /// <summary>u8: the device status (2.1); 0 resets.</summary>
    public const uint DeviceStatus = 0x14;

    /// <summary>u8: changes whenever the device-specific configuration does.</summary>
    public const uint ConfigurationGeneration = 0x15;

    /// <summary>le16: which queue the following registers are about.</summary>
    public const uint QueueSelect = 0x16;

    /// <summary>le16: its size; reads as the largest one at first.</summary>
    public const uint QueueSize = 0x18;

    /// <summary>le16: its MSI-X vector; 0xFFFF for none.</summary>
    public const uint QueueVector = 0x1A;

    /// <summary>le16: 1 enables it.</summary>
    public const uint QueueEnable = 0x1C;

    /// <summary>le16: where it is notified.</summary>
    public const uint QueueNotifyOffset = 0x1E;

    /// <summary>le64: the descriptor area.</summary>
    public const uint QueueDescriptor = 0x20;

    /// <summary>le64: the driver area, which is the available ring of a split queue.</summary>
    public const uint QueueDriver = 0x28;

    /// <summary>le64: the device area, which is the used ring of a split queue.</summary>
    public const uint QueueDevice = 0x30;
}

/// <summary>What the grader does for you before a lab begins: the work of labs 1 and 2.</summary>
public static class EarlierLabs
{
    private const byte Acknowledge = 1;
    private const byte Driver = 2;
    private const byte FeaturesOk = 8;
    private const int Patience = 1000;

    /// <summary>Does lab 1: finds a device of a type and maps its structures.</summary>
    /// <returns>The device, or null where there is none.</returns>
    public static VirtioFunction? Find(LabMachine machine, ushort deviceType)
    {
        for (byte device = 0; device < 32; device++)
        {
            ConfigurationSpace space = machine.Configuration(device);
            if (space.Read32(0) == (0x1AF4u | ((0x1040u + deviceType) << 16)))
            {
                return Open(machine, device);
            }
        }

        return null;
    }

    /// <summary>Does lab 2: resets the device and negotiates, up to FEATURES_OK. DRIVER_OK is left to you.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="device">The device.</param>
    /// <param name="understood">The features that you can handle. VERSION_1 is always among them.</param>
    /// <returns>The features that were accepted.</returns>
    public static ulong Negotiate(LabMachine machine, VirtioFunction device, ulong understood)
    {
        RegisterRegion common = device.Common;
        common.Write8(CommonOffset.DeviceStatus, 0);
        for (int i = 0; i < Patience && common.Read8(CommonOffset.DeviceStatus) != 0; i++)
        {
            machine.Pause();
        }

        common.Write8(CommonOffset.DeviceStatus, Acknowledge);
        common.Write8(CommonOffset.DeviceStatus, Acknowledge | Driver);
        ulong accepted = 0;
        for (uint word = 0; word < 2; word++)
        {
            common.Write32(CommonOffset.DeviceFeatureSelect, word);
            ulong offered = common.Read32(CommonOffset.DeviceFeature);
            accepted |= (offered << (int)(32 * word)) & (understood | (1UL << 32));
        }

        for (uint word = 0; word < 2; word++)
        {
            common.Write32(CommonOffset.DriverFeatureSelect, word);
            common.Write32(CommonOffset.DriverFeature, (uint)(accepted >> (int)(32 * word)));
        }

        common.Write8(CommonOffset.DeviceStatus, Acknowledge | Driver | FeaturesOk);
        if ((common.Read8(CommonOffset.DeviceStatus) & FeaturesOk) == 0)
        {
            throw new WrongAccessException("The device refused the features.");
        }

        return accepted;
    }

    private static VirtioFunction? Open(LabMachine machine, byte device)
    {
        ConfigurationSpace space = machine.Configuration(device);
        space.Write16(4, (ushort)(space.Read16(4) | 6));
        RegisterRegion?[] found = new RegisterRegion?[5];
        uint multiplier = 0;
        for (uint at = space.Read8(0x34) & 0xFCu; at != 0; at = space.Read8(at + 1) & 0xFCu)
        {
            byte kind = space.Read8(at + 3);
            byte bar = space.Read8(at + 4);
            bool isOurs = space.Read8(at) == CapabilityId.VendorSpecific && kind is >= 1 and <= 4 && bar <= 5;
            if (!isOurs || found[kind] is not null)
            {
                continue;
            }

            ulong address = space.Read32(0x10 + (4u * bar));
            bool isWide = (address & 6) == 4;
            address &= ~0xFUL;
            address |= isWide ? (ulong)space.Read32(0x14 + (4u * bar)) << 32 : 0;
            found[kind] = machine.Map(address + space.Read32(at + 8), space.Read32(at + 12));
            multiplier = kind == 2 ? space.Read32(at + 16) : multiplier;
        }

        return found[1] is { } common && found[2] is { } notify && found[3] is { } isr
            ? new VirtioFunction(device, common, notify, multiplier, isr, found[4])
            : null;
    }
}
