using System;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Devices.Minimal;

/// <summary>
/// A PCI function as kvm-host, a minimal VMM, makes it: packed rings only, an interrupt line, and of the specification
/// just what a Linux guest asks for.
/// </summary>
/// <remarks>
/// <para>What sets it apart from <see cref="PciDeviceFunction"/>, and what a driver has to cope with:</para>
/// <list type="bullet">
/// <item>It offers RING_PACKED and VERSION_1, and a disk FLUSH. No configuration field has a feature.</item>
/// <item>Queues have 128 descriptors at most; there is no MSI-X; the line is pulsed, not held.</item>
/// <item>One 32-bit range of 0x100 bytes that nobody has placed; see <see cref="MinimalConfigurationSpace"/>.</item>
/// <item>Registers are memory; see <see cref="MinimalRegisters"/>. Every status is accepted.</item>
/// <item>A reset leaves enabled queues enabled: they go on with the memory that they were given.</item>
/// <item>ISR bit 0 is set for every used buffer, whether the driver wants interrupts or not.</item>
/// <item>
/// A network card writes into the driver's own event suppression area, interrupts for each frame received whatever the
/// driver wants, and never for one that was sent.
/// </item>
/// </list>
/// </remarks>
public sealed class MinimalFunction : DeviceTransport, IBusFunction
{
    /// <summary>The largest queue.</summary>
    public const ushort LargestQueue = 128;

    private const ushort Disable = 1;

    private readonly InterruptOutput _output;
    private readonly MinimalConfigurationSpace _space;
    private readonly MinimalRegisters _registers;
    private readonly uint _multiplier;
    private byte _isr;

    /// <summary>Gives a disk a function.</summary>
    /// <param name="disk">A disk with one queue.</param>
    /// <param name="output">Where its line goes.</param>
    /// <param name="interruptLine">What its Interrupt Line register says.</param>
    public MinimalFunction(BlockDevice disk, InterruptOutput output, byte interruptLine = 15)
        : this(disk, output, interruptLine, 0, BlockFeature.Flush)
    {
    }

    /// <summary>Gives a network card a function.</summary>
    /// <param name="card">The card.</param>
    /// <param name="output">Where its line goes.</param>
    /// <param name="interruptLine">What its Interrupt Line register says.</param>
    public MinimalFunction(NetDevice card, InterruptOutput output, byte interruptLine = 14)
        : this(card, output, interruptLine, 2, 0)
    {
    }

    private MinimalFunction(
        VirtioDeviceModel model, InterruptOutput output, byte interruptLine, uint multiplier, ulong features)
        : base(Prepare(model, features))
    {
        _output = output;
        _multiplier = multiplier;
        _space = new MinimalConfigurationSpace(model, interruptLine, multiplier);
        _registers = new MinimalRegisters(model);
    }

    /// <summary>Of so many notifications one is missed; 0 for none.</summary>
    public int MissedNotification { get; set; }

    /// <summary>How many notifications were missed.</summary>
    public int Missed { get; private set; }

    /// <summary>The ISR status, looked at without the side effect of a read.</summary>
    public byte IsrStatus => _isr;

    /// <summary>How often the line was pulsed.</summary>
    public int Pulses { get; private set; }

    /// <inheritdoc/>
    /// <remarks>The bus master bit is memory like any other.</remarks>
    public override bool CanAccessMemory => true;

    internal override ulong UnsupportedFeatures => 0;

    private int Notifications { get; set; }

    /// <inheritdoc/>
    public uint ReadConfiguration(uint offset, int width) =>
        MinimalConfigurationSpace.IsAccess(offset, width) ? _space.Read(offset, width) : 0;

    /// <inheritdoc/>
    public void WriteConfiguration(uint offset, int width, uint value)
    {
        if (MinimalConfigurationSpace.IsAccess(offset, width))
        {
            _space.Write(offset, width, value);
        }
    }

    /// <inheritdoc/>
    public int? Decode(ulong address, out ulong offset)
    {
        offset = address - _space.BaseAddress;
        return _space.IsDecoded && address >= _space.BaseAddress
            && offset < MinimalConfigurationSpace.BaseAddressLength ? 0 : null;
    }

    /// <inheritdoc/>
    public uint ReadBar(int index, ulong offset, int width)
    {
        uint at = (uint)offset;
        if (at >= MinimalRegisters.DeviceOffset)
        {
            uint field = at - MinimalRegisters.DeviceOffset;
            return field + (uint)width <= (uint)Model.ConfigurationLength ? Model.ReadConfiguration(field, width) : 0;
        }

        if (at != MinimalRegisters.IsrOffset)
        {
            return _registers.Read(at, width);
        }

        byte isr = _isr;
        _isr = 0;
        return isr;
    }

    /// <inheritdoc/>
    public void WriteBar(int index, ulong offset, int width, uint value)
    {
        uint at = (uint)offset;
        if (at is >= MinimalRegisters.NotifyOffset and < MinimalRegisters.DeviceOffset)
        {
            ReceiveNotification(at - MinimalRegisters.NotifyOffset, width, value);
        }
        else if (at >= MinimalRegisters.DeviceOffset)
        {
            Model.Report(DriverRule.ConfigurationWrite, $"{width} bytes at {at:x} are not for writing");
        }
        else
        {
            _registers.Write(at, width, value);
        }
    }

    internal override void OnUsed(ModelQueue queue, bool isNotificationWanted)
    {
        _isr |= 1;
        if (Model is not NetDevice)
        {
            base.OnUsed(queue, isNotificationWanted);
        }
        else if (queue.Index == NetDevice.ReceiveQueue)
        {
            WriteDriverArea(queue, 0);
            NotifyUsed(queue);
        }
        else
        {
            // Its worker asks for nothing in the wrong area, and looks there before it would interrupt.
            WriteDriverArea(queue, Disable);
        }
    }

    internal override void NotifyUsed(ModelQueue queue)
    {
        Pulses++;
        _output.SetLine(true);
        _output.SetLine(false);
    }

    internal override void NotifyConfiguration()
    {
        // Nothing ever changes.
    }

    internal override void OnReset() => _isr = 0;

    private static VirtioDeviceModel Prepare(VirtioDeviceModel model, ulong features)
    {
        model.OfferedFeatures = FeatureBit.RingPacked | FeatureBit.Version1 | features;
        model.IgnoresStatus = true;
        foreach (ModelQueue queue in model.Queues)
        {
            queue.MaximumSize = Math.Min(queue.MaximumSize, LargestQueue);
            queue.Notifications = NotificationMode.Always;
        }

        return model;
    }

    private void WriteDriverArea(ModelQueue queue, ushort flags) =>
        Model.Memory.TryWrite(queue.Areas.Driver + 2, [(byte)flags, 0]);

    /// <summary>
    /// A place for each queue of a network card, and one place for the disk's; only a write of 16 bits there is seen.
    /// </summary>
    private void ReceiveNotification(uint offset, int width, uint value)
    {
        uint index = _multiplier == 0 ? value : offset / _multiplier;
        bool isPlace = _multiplier == 0 ? offset == 0 : offset % _multiplier == 0;
        if (width != 2 || !isPlace || index != value || Model.FindQueue(index) is not ModelQueue queue)
        {
            Model.Report(DriverRule.NotificationForm, $"{value:x} was written with {width} bytes at {offset:x}");
            return;
        }

        Notifications++;
        if (MissedNotification != 0 && Notifications % MissedNotification == 0)
        {
            Missed++;
            return;
        }

        Model.Notify(queue, new QueueNotification((ushort)value, null));
    }
}
