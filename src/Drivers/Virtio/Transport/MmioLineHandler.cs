using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>Serves the one interrupt of a device over MMIO (virtio 1.4, 4.2.3.4).</summary>
internal sealed class MmioLineHandler : InterruptHandler
{
    /// <summary>
    /// How often the status is looked at again. Each further look needs an event in the moment before the last
    /// acknowledgement, so that a device that gets here without end is in trouble itself.
    /// </summary>
    private const int MaximumLooks = 64;

    private const uint UsedBuffers = 1;
    private const uint ConfigurationChange = 2;

    private readonly MmioRegisters _registers;
    private readonly DeviceEventSink _sink;
    private readonly int _queueCount;

    /// <summary>Covers a device with some queues.</summary>
    internal MmioLineHandler(MmioRegisters registers, DeviceEventSink sink, int queueCount)
    {
        _registers = registers;
        _sink = sink;
        _queueCount = queueCount;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Events are acknowledged before they are looked for: what comes after the look then sets its bit again. And the
    /// status is read until it is 0, because the line may be edge-triggered: while a bit stays set the line stays up,
    /// and makes no further edge.
    /// </remarks>
    public override bool OnInterrupt()
    {
        bool claimed = false;
        for (int look = 0; look < MaximumLooks; look++)
        {
            uint status = _registers.Interrupts & (UsedBuffers | ConfigurationChange);
            if (status == 0)
            {
                break;
            }

            claimed = true;
            _registers.Acknowledge(status);
            if ((status & UsedBuffers) != 0)
            {
                for (int i = 0; i < _queueCount; i++)
                {
                    _sink.OnUsedBuffers((ushort)i);
                }
            }

            if ((status & ConfigurationChange) != 0)
            {
                _sink.OnConfigurationChange();
            }
        }

        return claimed;
    }
}
