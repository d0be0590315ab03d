using System;
using System.Buffers.Binary;

namespace VirtioGuest.Devices.Pci;

/// <summary>
/// A virtio device as a PCI function (virtio 1.4, 4.1): configuration space, memory ranges with its structures, MSI-X,
/// and a pin with the ISR status.
/// </summary>
/// <remarks>
/// Range 0 (0 and 1 where 64-bit) holds the structures, range 2 the vectors, ranges 4 and 5 shared memory. It is not
/// transitional. Nothing is placed until a guest does so.
/// </remarks>
public sealed class PciDeviceFunction : DeviceTransport, IBusFunction
{
    private const byte QueueInterrupt = 1;
    private const byte ConfigurationInterrupt = 2;
    private const int MsixEnabled = 1 << 15;
    private const int MsixFunctionMask = 1 << 14;

    private readonly PciConfigurationSpace _space;
    private readonly PciFunctionLayout _layout;
    private readonly PciFunctionOptions _options;
    private readonly InterruptOutput _output;
    private readonly PciCommonRegisters _common;
    private byte _isr;
    private bool _isLineAsserted;

    /// <summary>Gives a device a function.</summary>
    /// <param name="model">The device, with its features, queues' notify offsets and shared memory set.</param>
    /// <param name="output">Where its interrupts go.</param>
    /// <param name="options">What it looks like.</param>
    public PciDeviceFunction(VirtioDeviceModel model, InterruptOutput output, PciFunctionOptions? options = null)
        : base(model)
    {
        _options = options ?? new PciFunctionOptions();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)_options.VectorCount, 0x800u);
        _output = output;
        _space = new PciConfigurationSpace(model.DeviceType, _options);
        _layout = new PciFunctionLayout(model, _options, _space);
        _common = new PciCommonRegisters(this);
        Vectors = new MsixVectors(_options.VectorCount, output);
    }

    /// <summary>The MSI-X vectors; none where the function has no MSI-X.</summary>
    public MsixVectors Vectors { get; }

    /// <summary>The vector for configuration changes.</summary>
    public ushort ConfigurationVector { get; internal set; } = ModelQueue.NoVector;

    /// <summary>The ISR status, looked at without the side effects of a read.</summary>
    public byte IsrStatus => _isr;

    /// <inheritdoc/>
    public override bool CanAccessMemory => _space.IsBusMaster;

    internal override ulong UnsupportedFeatures => 0;

    /// <summary>Reads 1, 2 or 4 aligned bytes of configuration space, which has 0x1000.</summary>
    public uint ReadConfiguration(uint offset, int width)
    {
        CheckAccess(offset, width);
        if (IsWindowData(offset, width))
        {
            FillWindow();
        }

        return _space.Read(offset, width);
    }

    /// <summary>Writes 1, 2 or 4 aligned bytes of configuration space.</summary>
    public void WriteConfiguration(uint offset, int width, uint value)
    {
        CheckAccess(offset, width);
        _space.Write(offset, width, value);
        if (IsWindowData(offset, width))
        {
            EmptyWindow();
        }

        int control = _layout.Msix == 0 ? 0 : _space.Get16(_layout.Msix + 2);
        Vectors.Update((control & MsixEnabled) != 0, (control & MsixFunctionMask) != 0, _space.IsBusMaster);
        UpdateLine();
    }

    /// <summary>The size of a memory range; 0 where there is none by that number.</summary>
    public ulong BaseAddressLength(int index) => _space.LengthOf(index);

    /// <summary>Finds the range that a guest has placed over a bus address.</summary>
    /// <returns>Its number, or null where the function does not decode the address.</returns>
    public int? Decode(ulong address, out ulong offset)
    {
        for (int index = 0; _space.IsMemoryEnabled && index < 6; index++)
        {
            ulong length = _space.LengthOf(index);
            ulong start = length == 0 ? 0 : _space.AddressOf(index);
            if (start != 0 && address >= start && address - start < length)
            {
                offset = address - start;
                return index;
            }
        }

        offset = 0;
        return null;
    }

    /// <summary>Reads 1, 2 or 4 bytes of a range.</summary>
    public uint ReadBar(int index, ulong offset, int width)
    {
        if (index == PciFunctionLayout.SharedMemoryBar)
        {
            Span<byte> bytes = stackalloc byte[4];
            FindShared(offset, width).CopyTo(bytes);
            return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        }

        uint at = (uint)offset;
        if (index == PciFunctionLayout.VectorsBar)
        {
            return IsVectorAccess(at, width)
                ? at < _layout.PendingOffset ? Vectors.ReadTable(at) : Vectors.ReadPending(at - _layout.PendingOffset)
                : Refuse(index, offset, width);
        }

        return at switch
        {
            < PciFunctionLayout.CommonLength => _common.Read(at, width),
            PciFunctionLayout.IsrOffset when width == 1 => ReadIsr(),
            >= PciFunctionLayout.DeviceOffset and < PciFunctionLayout.NotifyOffset =>
                Model.ReadConfiguration(at - PciFunctionLayout.DeviceOffset, width),
            _ => Refuse(index, offset, width),
        };
    }

    /// <summary>Writes 1, 2 or 4 bytes of a range.</summary>
    public void WriteBar(int index, ulong offset, int width, uint value)
    {
        uint at = (uint)offset;
        if (index == PciFunctionLayout.SharedMemoryBar)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            Span<byte> target = FindShared(offset, width);
            bytes[..target.Length].CopyTo(target);
        }
        else if (index == PciFunctionLayout.VectorsBar)
        {
            if (IsVectorAccess(at, width) && at < _layout.PendingOffset)
            {
                Vectors.WriteTable(at, value);
            }
            else
            {
                Refuse(index, offset, width);
            }
        }
        else if (at < PciFunctionLayout.CommonLength)
        {
            _common.Write(at, width, value);
        }
        else if (at is >= PciFunctionLayout.DeviceOffset and < PciFunctionLayout.NotifyOffset)
        {
            Model.WriteConfiguration(at - PciFunctionLayout.DeviceOffset, width, value);
        }
        else if (at >= PciFunctionLayout.NotifyOffset && at - PciFunctionLayout.NotifyOffset < _layout.NotifyLength)
        {
            ReceiveNotification(at - PciFunctionLayout.NotifyOffset, width, value);
        }
        else
        {
            Refuse(index, offset, width);
        }
    }

    /// <summary>Maps an event to a vector, or fails to (virtio 1.4, 4.1.5.1.2.1).</summary>
    internal ushort Map(uint vector)
    {
        if (vector >= Vectors.Count && vector != ModelQueue.NoVector)
        {
            Model.Report(DriverRule.VectorRange, $"vector {vector} of {Vectors.Count} was asked for");
        }

        return vector < Vectors.Count && vector < _options.MappableVectors ? (ushort)vector : ModelQueue.NoVector;
    }

    internal override void NotifyUsed(ModelQueue queue)
    {
        if (!Vectors.IsEnabled)
        {
            _isr |= QueueInterrupt;
            UpdateLine();
        }
        else if (queue.Vector != ModelQueue.NoVector)
        {
            Vectors.Trigger(queue.Vector);
        }
    }

    internal override void NotifyConfiguration()
    {
        // This bit is set under MSI-X too (virtio 1.4, 4.1.4.5.1).
        _isr |= ConfigurationInterrupt;
        if (Vectors.IsEnabled && ConfigurationVector != ModelQueue.NoVector)
        {
            Vectors.Trigger(ConfigurationVector);
        }

        UpdateLine();
    }

    internal override void OnReset()
    {
        _isr = 0;
        ConfigurationVector = ModelQueue.NoVector;
        _common.Reset();
        Vectors.ClearPending();
        UpdateLine();
    }

    private static void CheckAccess(uint offset, int width)
    {
        if (!PciConfigurationSpace.IsAccess(offset, width))
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }
    }

    private byte ReadIsr()
    {
        byte isr = _isr;
        _isr = 0;
        UpdateLine();
        return isr;
    }

    private void UpdateLine()
    {
        bool isPending = _isr != 0 && !Vectors.IsEnabled;
        _space.SetInterruptStatus(isPending);
        bool isAsserted = isPending && _space.IsPinEnabled;
        if (isAsserted != _isLineAsserted)
        {
            _isLineAsserted = isAsserted;
            _output.SetLine(isAsserted);
        }
    }

    private bool IsVectorAccess(uint at, int width) =>
        width == 4 && at % 4 == 0 && at < _layout.PendingOffset + Vectors.PendingLength;

    private void ReceiveNotification(uint offset, int width, uint value)
    {
        bool hasData = (Model.DriverFeatures & FeatureBit.NotificationData) != 0;
        bool isNamed = (Model.DriverFeatures & FeatureBit.NotificationConfigurationData) != 0;
        QueueNotification notification = hasData
            ? QueueNotification.FromData(value)
            : new QueueNotification((ushort)value, null);
        foreach (ModelQueue queue in Model.Queues)
        {
            ushort identifier = isNamed ? queue.NotificationConfigurationData : (ushort)queue.Index;
            if (width == (hasData ? 4 : 2) && offset == queue.NotifyOffset * _options.NotifyMultiplier
                && identifier == notification.Identifier && queue.MaximumSize != 0)
            {
                Model.Notify(queue, notification);
                return;
            }
        }

        Model.Report(DriverRule.NotificationForm, $"{value:x} was written with {width} bytes at {offset:x}");
    }

    private Span<byte> FindShared(ulong offset, int width)
    {
        for (int i = 0; i < _layout.SharedMemoryOffsets.Count; i++)
        {
            ulong start = _layout.SharedMemoryOffsets[i];
            Span<byte> bytes = Model.SharedMemory[i].Bytes;
            if (offset >= start && offset - start <= (ulong)bytes.Length
                && (ulong)width <= (ulong)bytes.Length - (offset - start))
            {
                return bytes.Slice((int)(offset - start), width);
            }
        }

        return default;
    }

    private bool IsWindowData(uint offset, int width) =>
        offset < (uint)_layout.Window + 20 && offset + (uint)width > (uint)_layout.Window + 16;

    private bool FindWindow(out int bar, out uint offset, out int width)
    {
        bar = (int)_space.Read((uint)_layout.Window + 4, 1);
        offset = _space.Get32(_layout.Window + 8);
        uint length = _space.Get32(_layout.Window + 12);
        width = length is 1 or 2 or 4 ? (int)length : 0;
        return width != 0 && offset % length == 0 && offset < _space.LengthOf(bar);
    }

    private void FillWindow()
    {
        if (FindWindow(out int bar, out uint offset, out int width))
        {
            _space.Set32(_layout.Window + 16, ReadBar(bar, offset, width));
        }
    }

    private void EmptyWindow()
    {
        if (FindWindow(out int bar, out uint offset, out int width))
        {
            uint data = _space.Get32(_layout.Window + 16);
            WriteBar(bar, offset, width, width == 4 ? data : data & ((1u << (8 * width)) - 1));
        }
    }

    private uint Refuse(int index, ulong offset, int width)
    {
        Model.Report(DriverRule.RegisterAccess, $"range {index} has no {width} bytes at {offset:x} for that");
        return 0;
    }
}

/// <summary>What a device's PCI function looks like, as far as the specification leaves it open.</summary>
public sealed class PciFunctionOptions
{
    /// <summary>How many MSI-X vectors there are, 0 to 2048; 0 for no MSI-X.</summary>
    public int VectorCount { get; init; } = 4;

    /// <summary>How many of the vectors can be mapped; mapping others fails.</summary>
    public int MappableVectors { get; init; } = int.MaxValue;

    /// <summary>The interrupt pin: 1 to 4 for INTA to INTD, 0 for none.</summary>
    public byte InterruptPin { get; init; } = 1;

    /// <summary>Whether no capability tells of the ISR status: a fault.</summary>
    public bool HidesIsrStatus { get; init; }

    /// <summary>What the Interrupt Line register holds at first.</summary>
    public byte InterruptLine { get; init; } = 11;

    /// <summary>
    /// How many bytes lie between the places for notifications: 0, 4 or a larger power of two; 2 too without
    /// NOTIFICATION_DATA.
    /// </summary>
    public uint NotifyMultiplier { get; init; } = 4;

    /// <summary>Whether the structures are behind a 64-bit base address.</summary>
    public bool HasWideBaseAddress { get; init; }

    /// <summary>The revision; 1 or more for a device that is not transitional.</summary>
    public byte RevisionId { get; init; } = 1;

    /// <summary>The subsystem's ID; 0x40 or more for a device that is not transitional.</summary>
    public ushort SubsystemId { get; init; } = 0x40;
}
