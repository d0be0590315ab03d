using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings.Split;

/// <summary>
/// The places of a split queue that order accesses or hand memory over, and what each guards against.
/// </summary>
public static class SplitSites
{
    /// <summary>PREWRITE of a descriptor: else the device reads a descriptor of a chain before.</summary>
    public const AccessSite DescriptorToDevice = (AccessSite)201;

    /// <summary>POSTWRITE of a freed descriptor, before it is the driver's to write again.</summary>
    public const AccessSite DescriptorFromDevice = (AccessSite)202;

    /// <summary>PREWRITE of an indirect table: else the device reads a table of another buffer.</summary>
    public const AccessSite TableToDevice = (AccessSite)203;

    /// <summary>POSTWRITE of an indirect table, before it is the driver's to write again.</summary>
    public const AccessSite TableFromDevice = (AccessSite)204;

    /// <summary>POSTWRITE of an entry of the available ring, before it is written again.</summary>
    public const AccessSite EntryFromDevice = (AccessSite)205;

    /// <summary>PREWRITE of an entry of the available ring: else the device takes a buffer of a round before.</summary>
    public const AccessSite EntryToDevice = (AccessSite)206;

    /// <summary>POSTWRITE of the index of the available ring, before it is written again.</summary>
    public const AccessSite AvailableIndexFromDevice = (AccessSite)207;

    /// <summary>
    /// Release of the index of the available ring: else the device sees a buffer counted before its entry and
    /// descriptors (virtio 1.4, 2.7.13.3.1).
    /// </summary>
    public const AccessSite PublishIndex = (AccessSite)208;

    /// <summary>PREWRITE of the index of the available ring: else the device never sees the buffer.</summary>
    public const AccessSite AvailableIndexToDevice = (AccessSite)209;

    /// <summary>
    /// Full barrier between publishing and the look at the device's suppression: else both sides miss each other, and
    /// the device sleeps on a full ring (virtio 1.4, 2.7.13.4.1).
    /// </summary>
    public const AccessSite NotificationBarrier = (AccessSite)211;

    /// <summary>POSTREAD of the device's suppression: else it is not seen that a notification is wanted.</summary>
    public const AccessSite DeviceEventFromDevice = (AccessSite)212;

    /// <summary>PREREAD of the device's suppression: else the next look sees the last one's line.</summary>
    public const AccessSite DeviceEventToDevice = (AccessSite)213;

    /// <summary>POSTREAD of the index of the used ring: else used buffers are not seen.</summary>
    public const AccessSite UsedIndexFromDevice = (AccessSite)221;

    /// <summary>
    /// Acquire of the index of the used ring: else an element is read from before the device wrote it.
    /// </summary>
    public const AccessSite LoadUsedIndex = (AccessSite)222;

    /// <summary>
    /// PREREAD of the index of the used ring: else every later look sees the same line (NetBSD kern/60144).
    /// </summary>
    public const AccessSite UsedIndexToDevice = (AccessSite)223;

    /// <summary>POSTREAD of an element of the used ring: else one of a round before is read.</summary>
    public const AccessSite ElementFromDevice = (AccessSite)224;

    /// <summary>PREREAD of an element of the used ring: else the element of the next round is not seen.</summary>
    public const AccessSite ElementToDevice = (AccessSite)225;

    /// <summary>POSTWRITE of the driver's suppression, before it is written again.</summary>
    public const AccessSite DriverEventFromDevice = (AccessSite)231;

    /// <summary>PREWRITE of the driver's suppression: else the device never sees that interrupts are wanted.</summary>
    public const AccessSite DriverEventToDevice = (AccessSite)232;

    /// <summary>
    /// Full barrier between asking for interrupts and the look behind it: else a buffer that was used in between brings
    /// neither (virtio 1.4, 2.7.14).
    /// </summary>
    public const AccessSite InterruptBarrier = (AccessSite)233;

    /// <summary>POSTWRITE of the available ring, once the device was reset.</summary>
    public const AccessSite LeftAvailableRingFromDevice = (AccessSite)234;

    /// <summary>POSTREAD of the used ring, once the device was reset.</summary>
    public const AccessSite LeftUsedRingFromDevice = (AccessSite)235;

    /// <summary>POSTWRITE of a descriptor that a device had when it was reset.</summary>
    public const AccessSite LeftDescriptorFromDevice = (AccessSite)236;

    /// <summary>POSTWRITE of an indirect table that a device had when it was reset.</summary>
    public const AccessSite LeftTableFromDevice = (AccessSite)237;

    /// <summary>
    /// PREWRITE of the zeroed available ring: else the device takes what the memory held for buffers.
    /// </summary>
    public const AccessSite ClearedAvailableRingToDevice = (AccessSite)241;

    /// <summary>
    /// PREWRITE of the zeroed used ring: else the zeroes, written back late, hide what the device writes.
    /// </summary>
    public const AccessSite ClearedUsedRingToDevice = (AccessSite)242;

    /// <summary>POSTWRITE of the zeroed used ring, which the driver never writes again.</summary>
    public const AccessSite ClearedUsedRingFromDevice = (AccessSite)243;

    /// <summary>PREREAD of the used ring, which is the device's to write from then on.</summary>
    public const AccessSite UsedRingToDeviceInitially = (AccessSite)244;
}
