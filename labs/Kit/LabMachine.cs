using System;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Labs;

/// <summary>The machine that your driver runs on.</summary>
/// <remarks>
/// Everything goes through it, so the same driver runs over a simulated machine, where each step is watched, and in the
/// guest, where it meets a real bus.
/// </remarks>
public sealed class LabMachine
{
    private readonly Machine? _machine;
    private readonly ConfigurationAccess? _configuration;
    private readonly DmaTag _dma;
    private readonly LabWatch _watch;

    /// <summary>Describes a machine with a PCI bus.</summary>
    public LabMachine(Machine machine, ConfigurationAccess configuration, LabWatch watch)
    {
        ArgumentNullException.ThrowIfNull(machine);
        (_machine, _configuration, _dma, _watch) = (machine, configuration, machine.Dma, watch);
    }

    /// <summary>Describes a machine that has nothing but memory.</summary>
    public LabMachine(DmaTag dma, LabWatch watch)
    {
        (_dma, _watch) = (dma, watch);
    }

    /// <summary>The configuration space of function 0 of a device on PCI bus 0.</summary>
    /// <param name="device">The device's number, 0 to 31. Where there is no device, every read gives all ones.</param>
    public ConfigurationSpace Configuration(byte device)
    {
        if (device > 31)
        {
            throw new WrongAccessException($"A PCI bus has the devices 0 to 31, and no device {device}.");
        }

        return new ConfigurationSpace(
            _configuration ?? throw new WrongAccessException("This machine has no PCI bus."), device, _watch);
    }

    /// <summary>Maps registers of a device, so that they can be read and written.</summary>
    /// <param name="address">Where they are on the bus: the base address (BAR) plus an offset.</param>
    /// <param name="length">How many bytes, at least 1.</param>
    public RegisterRegion Map(ulong address, uint length)
    {
        MmioRegion? region = length == 0 ? null : _machine?.MapMmio(address, length);
        return new RegisterRegion(
            region ?? throw new WrongAccessException($"{length} bytes at 0x{address:x} cannot be mapped."), _watch);
    }

    /// <summary>Allocates memory that the device reaches too. It is zeroed.</summary>
    /// <param name="length">How many bytes, at least 1.</param>
    /// <param name="alignment">A power of two; the device's address is a multiple of it.</param>
    public DmaBlock Allocate(uint length, uint alignment)
    {
        if (length == 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        {
            throw new WrongAccessException($"{length} bytes aligned to {alignment} cannot be allocated.");
        }

        return new DmaBlock(
            _dma.Allocate(length, alignment) ?? throw new WrongAccessException("There is no memory left."), _watch);
    }

    /// <summary>Lets a little time pass. Call it in every loop that waits for something.</summary>
    public void Pause()
    {
        _watch.OnPause();
        _machine?.Clock.Relax();
    }

    /// <summary>Sets up one of a device's message-signalled interrupts (MSI-X), so that it can be waited for.</summary>
    /// <param name="device">The device's number.</param>
    /// <param name="vector">
    /// The entry of its MSI-X table, from 0 on: what is written to <c>queue_msix_vector</c>.
    /// </param>
    public LabInterrupt OpenInterrupt(byte device, ushort vector)
    {
        if (_machine is null || _configuration is null)
        {
            throw new WrongAccessException("This machine has no interrupts.");
        }

        return LabInterrupt.Open(_machine, _configuration, device, vector, _watch);
    }
}
