using VirtioGuest.Devices.Mmio;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Hostile;

/// <summary>
/// Registers over MMIO whose reads lie; behind them is an honest device, which takes what the guest writes.
/// </summary>
public sealed class HostileRegisters
{
    private readonly Block _block;

    /// <summary>Puts lies in front of a device.</summary>
    /// <param name="device">The device; its output may be a <see cref="HostileOutput"/>.</param>
    /// <param name="random">What its choices are drawn from.</param>
    /// <param name="hostility">In what it is hostile.</param>
    public HostileRegisters(MmioDevice device, SeededRandom random, Hostility hostility)
    {
        Lies = new LieMaker(random, hostility).OfMmio(device.Model.ConfigurationLength);
        _block = new Block(device, Lies, new InterruptStorm(device, random, hostility));
    }

    /// <summary>What the registers lie about.</summary>
    public LyingRegisters Lies { get; }

    /// <summary>The register block.</summary>
    public MmioRegion Registers => _block;

    private sealed class Block : RegisterWindow
    {
        private readonly MmioDevice _device;
        private readonly LyingRegisters _lies;
        private readonly InterruptStorm _storm;

        public Block(MmioDevice device, LyingRegisters lies, InterruptStorm storm)
            : base(device.Registers.Length)
        {
            _device = device;
            _lies = lies;
            _storm = storm;
        }

        protected override uint Read(uint offset, int width)
        {
            _storm.OnAccess();
            uint truth = Read(_device.Registers, offset, width);
            return _lies.Read(offset, width, truth);
        }

        protected override void Write(uint offset, int width, uint value)
        {
            Write(_device.Registers, offset, width, value);
            _storm.OnAccess();
        }
    }
}
