using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Rings;

/// <summary>The places where the device's side of a ring orders its accesses.</summary>
public static class DeviceSites
{
    /// <summary>Packed: the head's flags, before the rest of the chain is read.</summary>
    public const AccessSite PackedLoadAvailableFlags = (AccessSite)1001;

    /// <summary>Packed: the flags of a used descriptor, after its id, its len and the buffer's bytes.</summary>
    public const AccessSite PackedStoreUsedFlags = (AccessSite)1002;

    /// <summary>Packed: between publishing used descriptors and reading the driver's event suppression.</summary>
    public const AccessSite PackedBeforeDriverEvent = (AccessSite)1003;

    /// <summary>Packed: between asking for notifications and looking at the ring once more.</summary>
    public const AccessSite PackedAfterEnable = (AccessSite)1006;

    /// <summary>Split: the available index, before the entries that it covers.</summary>
    public const AccessSite SplitLoadAvailableIndex = (AccessSite)1101;

    /// <summary>Split: the used index, after the entries that it covers and the buffers' bytes.</summary>
    public const AccessSite SplitStoreUsedIndex = (AccessSite)1102;

    /// <summary>Split: between publishing used entries and reading what the driver wants to be told.</summary>
    public const AccessSite SplitBeforeUsedEvent = (AccessSite)1103;

    /// <summary>Split: between asking for notifications and looking at the ring once more.</summary>
    public const AccessSite SplitAfterEnable = (AccessSite)1104;
}
