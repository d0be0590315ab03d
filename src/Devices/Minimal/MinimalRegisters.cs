using System;
using System.Buffers.Binary;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Minimal;

/// <summary>
/// The structures of a <see cref="MinimalFunction"/> in its one range: a piece of memory with the layout of the common
/// configuration (virtio 1.4, 4.1.4.3), in which a write at the very offset of some fields has an effect.
/// </summary>
/// <remarks>
/// What is written is what is read, the status, the vectors and the number of queues included. A write elsewhere, such
/// as at the second half of a field, changes memory and nothing else.
/// </remarks>
internal sealed class MinimalRegisters
{
    public const uint CommonOffset = 0x00;
    public const uint CommonLength = 0x38;
    public const uint IsrOffset = 0x38;
    public const uint IsrLength = 4;
    public const uint NotifyOffset = 0x3C;
    public const uint NotifyLength = 4;
    public const uint DeviceOffset = 0x40;

    private const int DeviceFeatureSelect = 0x00;
    private const int DeviceFeature = 0x04;
    private const int DriverFeatureSelect = 0x08;
    private const int DriverFeature = 0x0C;
    private const int NumQueues = 0x12;
    private const int DeviceStatus = 0x14;
    private const int QueueSelect = 0x16;
    private const int QueueSize = 0x18;
    private const int QueueEnable = 0x1C;
    private const int QueueNotifyOff = 0x1E;
    private const int QueueDesc = 0x20;
    private const int QueueDriver = 0x28;
    private const int QueueDevice = 0x30;
    private const int QueueLength = 0x20;

    private readonly VirtioDeviceModel _model;
    private readonly byte[] _bytes = new byte[DeviceOffset];
    private readonly byte[][] _queues;

    public MinimalRegisters(VirtioDeviceModel model)
    {
        _model = model;
        _queues = new byte[model.Queues.Length][];
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i] = new byte[QueueLength];
            Put16(_queues[i], QueueNotifyOff - QueueSize, model.Queues[i].NotifyOffset);
        }

        Put16(_bytes, NumQueues, (ushort)_queues.Length);
        ForgetQueues();
    }

    private int Selected => Get16(_bytes, QueueSelect);

    public uint Read(uint offset, int width)
    {
        Span<byte> value = stackalloc byte[4];
        value.Clear();
        int count = (int)Math.Min((uint)width, DeviceOffset - offset);
        _bytes.AsSpan((int)offset, count).CopyTo(value);
        return BinaryPrimitives.ReadUInt32LittleEndian(value);
    }

    public void Write(uint offset, int width, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        bytes[..width].CopyTo(_bytes.AsSpan((int)offset));
        switch (offset)
        {
            case DeviceFeatureSelect:
                Put32(_bytes, DeviceFeature, _model.ReadOfferedFeatures(value));
                break;
            case DriverFeature:
                _model.WriteDriverFeatures(Get32(_bytes, DriverFeatureSelect), value);
                break;
            case DeviceStatus:
                WriteStatus((byte)value);
                break;
            case QueueSelect:
                ShowQueue();
                break;
            case >= QueueSize and < CommonLength:
                WriteQueue(offset, bytes[..width]);
                break;
            default:
                break;
        }
    }

    private static ushort Get16(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(offset));

    private static uint Get32(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));

    private static void Put16(byte[] bytes, int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(offset), value);

    private static void Put32(byte[] bytes, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), value);

    private void WriteStatus(byte value)
    {
        _model.WriteStatus(value);
        if (value == 0)
        {
            Put32(_bytes, DeviceFeatureSelect, 0);
            Put32(_bytes, DriverFeatureSelect, 0);
            Put32(_bytes, DriverFeature, 0);
            Put16(_bytes, QueueSelect, 0);
            ForgetQueues();
        }
    }

    /// <summary>Clears what was said of queues that are not enabled; the others go on.</summary>
    private void ForgetQueues()
    {
        for (int i = 0; i < _queues.Length; i++)
        {
            if (!_model.Queues[i].IsEnabled)
            {
                Put16(_queues[i], 0, _model.Queues[i].MaximumSize);
                _queues[i].AsSpan(QueueDesc - QueueSize).Clear();
            }
        }
    }

    /// <summary>Copies what is known of the selected queue to its fields; of one that is not there, its size.</summary>
    private void ShowQueue()
    {
        if (Selected < _queues.Length)
        {
            _queues[Selected].CopyTo(_bytes.AsSpan(QueueSize));
        }
        else
        {
            Put16(_bytes, QueueSize, 0);
        }
    }

    private void WriteQueue(uint offset, ReadOnlySpan<byte> value)
    {
        if (Selected >= _queues.Length)
        {
            return;
        }

        byte[] queue = _queues[Selected];
        if (offset == QueueEnable)
        {
            Enable(_model.Queues[Selected], queue);
            return;
        }

        int at = (int)offset - QueueSize;
        value[..Math.Min(value.Length, QueueLength - at)].CopyTo(queue.AsSpan(at));
        ushort maximum = _model.Queues[Selected].MaximumSize;
        Put16(queue, 0, Math.Min(Get16(queue, 0), maximum));
    }

    /// <summary>Enables a queue for good: another write to the field changes nothing.</summary>
    private void Enable(ModelQueue queue, byte[] fields)
    {
        if (Get16(_bytes, QueueEnable) == 0 || queue.IsEnabled)
        {
            return;
        }

        _model.SetQueueSize(queue, Get16(fields, 0));
        _model.SetQueueAreas(queue, new QueueAreas(
            BinaryPrimitives.ReadUInt64LittleEndian(fields.AsSpan(QueueDesc - QueueSize)),
            BinaryPrimitives.ReadUInt64LittleEndian(fields.AsSpan(QueueDriver - QueueSize)),
            BinaryPrimitives.ReadUInt64LittleEndian(fields.AsSpan(QueueDevice - QueueSize))));
        _model.EnableQueue(queue);
        Put16(fields, QueueEnable - QueueSize, 1);
        if (queue.Ring is PackedDeviceQueue ring)
        {
            ring.KeepsFlags = true;
        }
    }
}
