using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings.Packed;

/// <summary>
/// The places of a packed queue that order accesses or hand memory over, and what each guards against.
/// </summary>
public static class PackedSites
{
    /// <summary>
    /// PREWRITE and PREREAD of a head's body: else the device reads an address or length of a chain before, or the ID
    /// and length that it writes there are hidden by a line that the driver has.
    /// </summary>
    public const AccessSite HeadBodyToDevice = (AccessSite)101;

    /// <summary>
    /// PREWRITE and PREREAD of the descriptors behind a head: else the device reads what was there before, or what it
    /// writes there is overwritten by a line written back late.
    /// </summary>
    public const AccessSite ChainRestToDevice = (AccessSite)102;

    /// <summary>Release of a head's flags: else the device sees the chain available before its bodies.</summary>
    public const AccessSite PublishHead = (AccessSite)103;

    /// <summary>
    /// PREWRITE and PREREAD of a head's flags: else the device never sees the chain, or the flags that it writes there
    /// are hidden by a line that the driver has.
    /// </summary>
    public const AccessSite HeadFlagsToDevice = (AccessSite)104;

    /// <summary>PREWRITE of an indirect table: else the device reads a table of another buffer.</summary>
    public const AccessSite TableToDevice = (AccessSite)106;

    /// <summary>POSTWRITE of an indirect table, before it is the driver's to write again.</summary>
    public const AccessSite TableFromDevice = (AccessSite)107;

    /// <summary>
    /// Full barrier between publishing and the look at the device event suppression: else both sides miss each other,
    /// and the device sleeps on a full ring (virtio 1.4, 2.8.21.2).
    /// </summary>
    public const AccessSite NotificationBarrier = (AccessSite)111;

    /// <summary>POSTREAD of the device event area: else it is not seen that a notification is wanted.</summary>
    public const AccessSite DeviceEventFromDevice = (AccessSite)112;

    /// <summary>PREREAD of the device event area: else the next look sees the last one's line.</summary>
    public const AccessSite DeviceEventToDevice = (AccessSite)113;

    /// <summary>
    /// POSTREAD and POSTWRITE of the slot where a used descriptor is due, before the first look: else it is not seen,
    /// or an old one is.
    /// </summary>
    public const AccessSite SlotFromDevice = (AccessSite)121;

    /// <summary>Acquire of a slot's flags: else ID and length are read from before the device wrote them.</summary>
    public const AccessSite LoadUsedFlags = (AccessSite)122;

    /// <summary>
    /// PREREAD of a slot in which nothing was found: else every later look sees the same line (NetBSD kern/60144).
    /// </summary>
    public const AccessSite SlotToDevice = (AccessSite)123;

    /// <summary>POSTREAD of that slot before each further look: else what came since is not seen.</summary>
    public const AccessSite SlotFromDeviceAgain = (AccessSite)124;

    /// <summary>POSTWRITE and POSTREAD of the other slots that a used buffer frees.</summary>
    public const AccessSite FreedSlotsFromDevice = (AccessSite)125;

    /// <summary>POSTWRITE and POSTREAD of the slots of a buffer that an in-order device skipped.</summary>
    public const AccessSite SkippedSlotsFromDevice = (AccessSite)126;

    /// <summary>POSTWRITE and POSTREAD of the slots that a device had when it was reset.</summary>
    public const AccessSite LeftSlotsFromDevice = (AccessSite)127;

    /// <summary>POSTREAD of the slot that was looked at last, of a device that was reset.</summary>
    public const AccessSite LeftLookFromDevice = (AccessSite)128;

    /// <summary>POSTWRITE of an indirect table that a device had when it was reset.</summary>
    public const AccessSite LeftTableFromDevice = (AccessSite)129;

    /// <summary>POSTWRITE of the driver event area, before it is written again.</summary>
    public const AccessSite DriverEventFromDevice = (AccessSite)131;

    /// <summary>PREWRITE of the driver event area: else the device never sees that interrupts are wanted.</summary>
    public const AccessSite DriverEventToDevice = (AccessSite)132;

    /// <summary>
    /// Full barrier between asking for interrupts and the look behind it: else a buffer that was used in between brings
    /// neither (virtio 1.4, 2.8.22).
    /// </summary>
    public const AccessSite InterruptBarrier = (AccessSite)133;

    /// <summary>POSTWRITE of the driver event area, once the device was reset.</summary>
    public const AccessSite LeftDriverEventFromDevice = (AccessSite)134;

    /// <summary>POSTREAD of the device event area, once the device was reset.</summary>
    public const AccessSite LeftDeviceEventFromDevice = (AccessSite)135;

    /// <summary>
    /// PREWRITE of the zeroed ring: else the device finds descriptors in what the memory held before.
    /// </summary>
    public const AccessSite ClearedRingToDevice = (AccessSite)141;

    /// <summary>POSTWRITE of the zeroed ring, whose slots are the driver's to begin with.</summary>
    public const AccessSite ClearedRingFromDevice = (AccessSite)142;

    /// <summary>PREWRITE of the zeroed driver event area, which says that interrupts are wanted.</summary>
    public const AccessSite ClearedDriverEventToDevice = (AccessSite)143;

    /// <summary>
    /// PREWRITE of the zeroed device event area: else the zeroes, written back late, hide what the device says.
    /// </summary>
    public const AccessSite ClearedDeviceEventToDevice = (AccessSite)144;

    /// <summary>POSTWRITE of the zeroed device event area, which the driver never writes again.</summary>
    public const AccessSite ClearedDeviceEventFromDevice = (AccessSite)145;

    /// <summary>PREREAD of the device event area, which is the device's to write from then on.</summary>
    public const AccessSite DeviceEventToDeviceInitially = (AccessSite)146;
}
