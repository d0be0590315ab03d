using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>
/// The way to a virtio device: its status, features, configuration, queues and interrupts (virtio 1.4, 4).
/// </summary>
/// <remarks>
/// The driver calls it in the order of the initialisation sequence (virtio 1.4, 3.1.1). Only <see cref="Status"/>
/// and the configuration may be used at the same time as anything else.
/// </remarks>
public abstract class VirtioTransport
{
    /// <summary>
    /// How long a device may take to confirm a reset of itself or of a queue, to suspend or to resume: nanoseconds.
    /// </summary>
    public const ulong ResetDeadline = 1_000_000_000;

    /// <summary>Describes a device that was found.</summary>
    protected VirtioTransport(Machine machine, ushort deviceType, string location)
    {
        Machine = machine;
        DeviceType = deviceType;
        Location = location;
    }

    /// <summary>The machine that the device belongs to.</summary>
    public Machine Machine { get; }

    /// <summary>What the device is; one of <see cref="DeviceTypes"/>, or a type that those do not name.</summary>
    public ushort DeviceType { get; }

    /// <summary>Where the device is on its bus, as shown to people, for example <c>00:04.0</c>.</summary>
    public string Location { get; }

    /// <summary>What the transport is, as shown to people, for example <c>virtio-pci</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>Which interfaces the device has, as shown to people.</summary>
    public abstract string Interface { get; }

    /// <summary>How the device interrupts, as shown to people.</summary>
    public abstract string InterruptKind { get; }

    /// <summary>Why it interrupts like that and not in a better way, as shown to people.</summary>
    public abstract string InterruptReason { get; }

    /// <summary>The device status field. Setting it to <see cref="DeviceStatus.None"/> begins a reset.</summary>
    public abstract DeviceStatus Status { get; set; }

    /// <summary>
    /// A number that the device changes whenever its configuration may have changed (virtio 1.4, 2.5).
    /// </summary>
    public abstract uint ConfigurationGeneration { get; }

    /// <summary>How many bytes of device-specific configuration there are.</summary>
    public abstract uint ConfigurationLength { get; }

    /// <summary>How many queues the device has.</summary>
    public abstract int QueueCount { get; }

    /// <summary>
    /// The feature bits that make sense on this transport and with this device's registers; others are never accepted
    /// (virtio 1.4, 2.2.1).
    /// </summary>
    public abstract Features SupportedFeatures { get; }

    /// <summary>The features that the device has confirmed; 0 from each reset until then.</summary>
    public Features Features { get; private set; }

    /// <summary>
    /// Whether the device says that it is suspended: SUSPEND is set and DRIVER_OK is not (virtio 1.4, 3.4).
    /// </summary>
    public bool IsSuspended => (Status & (DeviceStatus.Suspend | DeviceStatus.DriverOk)) == DeviceStatus.Suspend;

    /// <summary>Reads 32 of the offered feature bits.</summary>
    /// <param name="word">0 for bits 0 to 31, 1 for bits 32 to 63.</param>
    public abstract uint ReadDeviceFeatures(uint word);

    /// <summary>Writes 32 of the accepted feature bits.</summary>
    public abstract void WriteDriverFeatures(uint word, uint features);

    /// <summary>Reads an 8-bit field of the device-specific configuration.</summary>
    public abstract byte ReadConfiguration8(uint offset);

    /// <summary>Reads a 16-bit field of the device-specific configuration, at a multiple of 2.</summary>
    public abstract ushort ReadConfiguration16(uint offset);

    /// <summary>Reads a 32-bit field of the device-specific configuration, at a multiple of 4.</summary>
    public abstract uint ReadConfiguration32(uint offset);

    /// <summary>Writes an 8-bit field of the device-specific configuration.</summary>
    /// <remarks>
    /// A driver writes only fields that the device type says are for writing, from FEATURES_OK on and not while the
    /// device is suspended (virtio 1.4, 2.5, 3.1.1 and 3.4). A field of 64 bits is written as two of 32.
    /// </remarks>
    public abstract void WriteConfiguration8(uint offset, byte value);

    /// <summary>
    /// Writes a 16-bit field of the device-specific configuration, at a multiple of 2; see <see
    /// cref="WriteConfiguration8"/>.
    /// </summary>
    public abstract void WriteConfiguration16(uint offset, ushort value);

    /// <summary>
    /// Writes a 32-bit field of the device-specific configuration, at a multiple of 4; see <see
    /// cref="WriteConfiguration8"/>.
    /// </summary>
    public abstract void WriteConfiguration32(uint offset, uint value);

    /// <summary>Reads how large a queue can be at most, before it is enabled; 0 where there is no such queue.</summary>
    public abstract int ReadMaximumQueueSize(ushort queueIndex);

    /// <summary>
    /// Asks for a size of a queue that is below the largest, before the queue is made: a device may know one size only.
    /// </summary>
    /// <returns>The size that the queue would have, as far as the transport tells.</returns>
    public abstract int ProposeQueueSize(ushort queueIndex, int size);

    /// <summary>
    /// Arranges for interrupts of the first queues and of configuration changes. After FEATURES_OK, before queues are
    /// enabled.
    /// </summary>
    /// <param name="deviceName">The device, as shown to people.</param>
    /// <param name="queueNames">The name of each queue; as many queues as there are names.</param>
    /// <param name="sink">Whom the interrupts reach.</param>
    /// <returns>Null, or why the device cannot interrupt at all.</returns>
    public abstract Failure? ConnectInterrupts(string deviceName, string[] queueNames, DeviceEventSink sink);

    /// <summary>Which vector a queue signals; -1 where it has none of its own because a line is used.</summary>
    public abstract int VectorOf(ushort queueIndex);

    /// <summary>
    /// The interrupt that comes for one queue and for nothing else, so that a thread may claim it; null where the queue
    /// has none such: a line, or a vector that it shares.
    /// </summary>
    public virtual MessageInterrupt? QueueInterrupt(ushort queueIndex) => null;

    /// <summary>Where notifications of a queue go, as shown to people; empty before it was enabled.</summary>
    public abstract string DescribeNotification(ushort queueIndex);

    /// <summary>
    /// Tells the device where a queue is and enables it (virtio 1.4, 4.1.5.1.3), and gives the queue its <see
    /// cref="Virtqueue.Notifier"/>.
    /// </summary>
    /// <returns>Null, or why it cannot be.</returns>
    public abstract Failure? EnableQueue(Virtqueue queue);

    /// <summary>
    /// Resets one queue and waits until the device confirms, for at most <see cref="ResetDeadline"/> (virtio 1.4,
    /// 2.6.1). Afterwards a queue by the same index may be enabled again, with another size.
    /// </summary>
    /// <returns>
    /// Whether it confirmed. If not, and where RING_RESET was not negotiated, the device may still use the queue.
    /// </returns>
    public abstract bool ResetQueue(ushort queueIndex);

    /// <summary>Looks for a shared memory region (virtio 1.4, 2.10).</summary>
    /// <param name="id">Which.</param>
    /// <param name="region">Where it is; means something where the result is true.</param>
    /// <returns>False where the device has none by that ID, or says nonsense of it.</returns>
    public abstract bool TryFindSharedMemory(byte id, out SharedMemoryRegion region);

    /// <summary>Lets the device reach memory and answer register accesses.</summary>
    public abstract void Open();

    /// <summary>
    /// Keeps the device from memory and from interrupting, and gives its interrupts back. The device was reset before,
    /// if it let itself be.
    /// </summary>
    public abstract void Close();

    /// <summary>Reads a 64-bit field of the device-specific configuration as two halves, low first.</summary>
    /// <remarks>The halves may be of different times: see <see cref="ConfigurationGeneration"/>.</remarks>
    public ulong ReadConfiguration64(uint offset)
    {
        uint low = ReadConfiguration32(offset);
        uint high = ReadConfiguration32(offset + 4);
        return ((ulong)high << 32) | low;
    }

    /// <summary>Resets the device and waits until it confirms, for at most <see cref="ResetDeadline"/>.</summary>
    /// <returns>
    /// Whether it confirmed. If not, it may still use every byte of memory that it was ever told of.
    /// </returns>
    public bool Reset()
    {
        Features = Features.None;
        Status = DeviceStatus.None;
        Deadline deadline = new Deadline(Machine.Clock, ResetDeadline);
        while (Status != DeviceStatus.None)
        {
            if (!deadline.TryWait())
            {
                return false;
            }
        }

        return !LeavesQueuesEnabled();
    }

    /// <summary>
    /// Suspends a live device and waits until it is, for at most <see cref="ResetDeadline"/> (virtio 1.4, 3.4). From
    /// here until it was resumed, nothing is made available or notified and no configuration written.
    /// </summary>
    /// <returns>
    /// Whether it is suspended. If not, it asks for a reset, does not answer, is not live, or SUSPEND was not
    /// negotiated.
    /// </returns>
    public bool Suspend()
    {
        DeviceStatus status = Status;
        if ((Features & Features.Suspend) == 0 || (status & DeviceStatus.DriverOk) == 0)
        {
            return false;
        }

        Status = status | DeviceStatus.Suspend;
        return WaitForStatus(DeviceStatus.Suspend);
    }

    /// <summary>
    /// Resumes a suspended device and waits until it runs, for at most <see cref="ResetDeadline"/> (virtio 1.4, 3.4).
    /// </summary>
    /// <returns>Whether it runs. If not, it asks for a reset, does not answer, or was not suspended.</returns>
    public bool Resume()
    {
        DeviceStatus status = Status;
        if ((status & (DeviceStatus.Suspend | DeviceStatus.DriverOk)) != DeviceStatus.Suspend)
        {
            return false;
        }

        // SUSPEND is the device's to clear: a driver clears no bit (virtio 1.4, 2.1.1).
        Status = status | DeviceStatus.DriverOk;
        return WaitForStatus(DeviceStatus.DriverOk);
    }

    /// <summary>
    /// Whether a queue that the driver enabled is still enabled after the device said that it was reset. kvm-host's
    /// workers go on with such queues, in memory that is anything but free.
    /// </summary>
    private protected abstract bool LeavesQueuesEnabled();

    /// <summary>Notes what was negotiated, for whoever negotiates: FEATURES_OK was read back.</summary>
    public void OnNegotiated(Features features) => Features = features;

    /// <summary>Waits until of SUSPEND and DRIVER_OK just one is set, unless the device needs a reset.</summary>
    private bool WaitForStatus(DeviceStatus wanted)
    {
        Deadline deadline = new Deadline(Machine.Clock, ResetDeadline);
        do
        {
            DeviceStatus status = Status;
            if ((status & DeviceStatus.DeviceNeedsReset) != 0)
            {
                return false;
            }

            if ((status & (DeviceStatus.Suspend | DeviceStatus.DriverOk)) == wanted)
            {
                return true;
            }
        }
        while (deadline.TryWait());

        return false;
    }
}

/// <summary>The bits of the device status field (virtio 1.4, 2.1).</summary>
[Flags]
public enum DeviceStatus
{
    /// <summary>After a reset.</summary>
    None = 0,

    /// <summary>The guest has found the device.</summary>
    Acknowledge = 1,

    /// <summary>The guest knows how to drive it.</summary>
    Driver = 2,

    /// <summary>The driver is set up; the device is live.</summary>
    DriverOk = 4,

    /// <summary>Feature negotiation is complete.</summary>
    FeaturesOk = 8,

    /// <summary>The device is suspended, or about to be.</summary>
    Suspend = 16,

    /// <summary>The device has had an error that only a reset ends.</summary>
    DeviceNeedsReset = 64,

    /// <summary>The driver has given up.</summary>
    Failed = 128,
}

/// <summary>Memory of the device that the driver maps (virtio 1.4, 2.10).</summary>
public readonly struct SharedMemoryRegion
{
    /// <summary>Describes a region.</summary>
    public SharedMemoryRegion(byte id, ulong address, ulong length)
    {
        Id = id;
        Address = address;
        Length = length;
    }

    /// <summary>Which of the device's regions it is; what it is for is the device type's to say.</summary>
    public byte Id { get; }

    /// <summary>Where it begins on the bus.</summary>
    public ulong Address { get; }

    /// <summary>How many bytes it has, at least 1; the last one is within the 64-bit addresses.</summary>
    public ulong Length { get; }
}
