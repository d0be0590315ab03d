using VirtioGuest.Conformance.Events;

namespace VirtioGuest.Conformance.Judge;

/// <summary>A register of a virtio device by its meaning, whichever transport it is reached over.</summary>
internal enum Register
{
    /// <summary>No register, or one that is accessed in a wrong way.</summary>
    None = 0,

    Magic,
    Version,
    DeviceId,
    VendorId,
    DeviceFeaturesSelect,
    DeviceFeatures,
    DriverFeaturesSelect,
    DriverFeatures,
    ConfigurationVector,
    QueueCount,
    Status,
    Generation,
    QueueSelect,
    QueueSizeMaximum,
    QueueSize,
    QueueVector,
    QueueEnable,
    QueueNotifyOffset,
    QueueAddress,
    QueueNotificationData,
    QueueReset,
    AdministrationQueues,
    Notify,
    Isr,
    InterruptAcknowledge,
    SharedMemory,

    /// <summary>The device's own configuration.</summary>
    Configuration,
}

/// <summary>Where registers stand, how wide they are, and what may be done to them.</summary>
internal static class RegisterMap
{
    private const uint MmioConfiguration = 0x100;

    private static readonly Field[] s_common =
    [
        new Field(0x00, 4, Register.DeviceFeaturesSelect, true, true),
        new Field(0x04, 4, Register.DeviceFeatures, true, false),
        new Field(0x08, 4, Register.DriverFeaturesSelect, true, true),
        new Field(0x0C, 4, Register.DriverFeatures, true, true),
        new Field(0x10, 2, Register.ConfigurationVector, true, true),
        new Field(0x12, 2, Register.QueueCount, true, false),
        new Field(0x14, 1, Register.Status, true, true),
        new Field(0x15, 1, Register.Generation, true, false),
        new Field(0x16, 2, Register.QueueSelect, true, true),
        new Field(0x18, 2, Register.QueueSize, true, true),
        new Field(0x1A, 2, Register.QueueVector, true, true),
        new Field(0x1C, 2, Register.QueueEnable, true, true),
        new Field(0x1E, 2, Register.QueueNotifyOffset, true, false),
        new Field(0x20, 4, Register.QueueAddress, true, true),
        new Field(0x24, 4, Register.QueueAddress, true, true),
        new Field(0x28, 4, Register.QueueAddress, true, true),
        new Field(0x2C, 4, Register.QueueAddress, true, true),
        new Field(0x30, 4, Register.QueueAddress, true, true),
        new Field(0x34, 4, Register.QueueAddress, true, true),
        new Field(0x38, 2, Register.QueueNotificationData, true, false),
        new Field(0x3A, 2, Register.QueueReset, true, true),
        new Field(0x3C, 2, Register.AdministrationQueues, true, false),
        new Field(0x3E, 2, Register.AdministrationQueues, true, false),
    ];

    private static readonly Field[] s_mmio =
    [
        new Field(0x000, 4, Register.Magic, true, false),
        new Field(0x004, 4, Register.Version, true, false),
        new Field(0x008, 4, Register.DeviceId, true, false),
        new Field(0x00C, 4, Register.VendorId, true, false),
        new Field(0x010, 4, Register.DeviceFeatures, true, false),
        new Field(0x014, 4, Register.DeviceFeaturesSelect, false, true),
        new Field(0x020, 4, Register.DriverFeatures, false, true),
        new Field(0x024, 4, Register.DriverFeaturesSelect, false, true),
        new Field(0x030, 4, Register.QueueSelect, false, true),
        new Field(0x034, 4, Register.QueueSizeMaximum, true, false),
        new Field(0x038, 4, Register.QueueSize, false, true),
        new Field(0x044, 4, Register.QueueEnable, true, true),
        new Field(0x050, 4, Register.Notify, false, true),
        new Field(0x060, 4, Register.Isr, true, false),
        new Field(0x064, 4, Register.InterruptAcknowledge, false, true),
        new Field(0x070, 4, Register.Status, true, true),
        new Field(0x080, 4, Register.QueueAddress, false, true),
        new Field(0x084, 4, Register.QueueAddress, false, true),
        new Field(0x090, 4, Register.QueueAddress, false, true),
        new Field(0x094, 4, Register.QueueAddress, false, true),
        new Field(0x0A0, 4, Register.QueueAddress, false, true),
        new Field(0x0A4, 4, Register.QueueAddress, false, true),
        new Field(0x0AC, 4, Register.SharedMemory, false, true),
        new Field(0x0B0, 4, Register.SharedMemory, true, false),
        new Field(0x0B4, 4, Register.SharedMemory, true, false),
        new Field(0x0B8, 4, Register.SharedMemory, true, false),
        new Field(0x0BC, 4, Register.SharedMemory, true, false),
        new Field(0x0C0, 4, Register.QueueReset, true, true),
        new Field(0x0FC, 4, Register.Generation, true, false),
    ];

    /// <summary>Says what an access is to.</summary>
    public static Access Decode(RegisterAccess access) => access.Region switch
    {
        RegisterRegion.Common => In(s_common, access),
        RegisterRegion.Mmio when access.Offset >= MmioConfiguration =>
            new Access(access, Register.Configuration, access.Offset - MmioConfiguration, true, true, true),
        RegisterRegion.Mmio => In(s_mmio, access),
        RegisterRegion.Configuration => new Access(access, Register.Configuration, access.Offset, true, true, true),
        RegisterRegion.Isr => new Access(access, Register.Isr, access.Offset, true, true, true),
        RegisterRegion.Notify => new Access(access, Register.Notify, access.Offset, true, true, true),
        _ => new Access(access, Register.None, access.Offset, true, true, true),
    };

    private static Access In(Field[] fields, RegisterAccess access)
    {
        foreach (Field each in fields)
        {
            if (access.Offset >= each.Offset && access.Offset < each.Offset + (uint)each.Width)
            {
                bool isExact = access.Offset == each.Offset && access.Width == each.Width;
                return new Access(access, each.Register, access.Offset, isExact, each.CanRead, each.CanWrite);
            }
        }

        return new Access(access, Register.None, access.Offset, false, false, false);
    }

    private readonly record struct Field(uint Offset, int Width, Register Register, bool CanRead, bool CanWrite);
}

/// <summary>An access, and what it is to.</summary>
/// <param name="Event">The access as it came.</param>
/// <param name="Register">The register that it touches.</param>
/// <param name="Offset">Where; counted from the beginning of the configuration for that.</param>
/// <param name="IsExact">Whether it is at the register's own offset and in its own width.</param>
/// <param name="CanRead">Whether the register is for reading.</param>
/// <param name="CanWrite">Whether the register is for writing.</param>
internal readonly record struct Access(
    RegisterAccess Event, Register Register, uint Offset, bool IsExact, bool CanRead, bool CanWrite)
{
    public bool IsWrite => Event.IsWrite;

    public uint Value => Event.Value;

    public int Width => Event.Width;

    public RegisterRegion Region => Event.Region;

    /// <summary>Whether it writes a register as it is to be written.</summary>
    public bool Writes(Register register) => IsWrite && IsExact && CanWrite && Register == register;

    /// <summary>Whether it reads a register as it is to be read.</summary>
    public bool Reads(Register register) => !IsWrite && IsExact && CanRead && Register == register;
}
