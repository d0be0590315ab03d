using System;
using System.Runtime.InteropServices;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The keyboard and the serial port.</summary>
internal sealed unsafe class LibOsInput : ByteInput
{
    private const byte ControlC = 0x03;

    private readonly byte[] _buffer = new byte[64];
    private int _next;
    private int _end;
    private bool _hasLoss;
    private bool _isInterruptUsed;

    /// <inheritdoc/>
    public override byte Read()
    {
        Fill();
        if (_isInterruptUsed)
        {
            _isInterruptUsed = false;
            if (_buffer[_next] == ControlC)
            {
                _next++;
                Fill();
            }
        }

        return _buffer[_next++];
    }

    /// <inheritdoc/>
    public override bool TakeLoss()
    {
        bool hasLoss = _hasLoss;
        _hasLoss = false;
        return hasLoss;
    }

    /// <summary>
    /// Forgets what was typed before the last Ctrl+C, and that itself: it has ended a command and is nothing to be read
    /// any more. LibOS throws away what it holds in front of a Ctrl+C, so what comes next from there is the key itself.
    /// </summary>
    public void UseInterrupt()
    {
        _next = 0;
        _end = 0;
        _hasLoss = false;
        _isInterruptUsed = true;
    }

    private void Fill()
    {
        while (_next == _end)
        {
            fixed (byte* start = _buffer)
            {
                long count = LibOsCalls.ReadConsole(start, (ulong)_buffer.Length);
                if (count == LibOsError.InputOutput)
                {
                    _hasLoss = true;
                    continue;
                }

                LibOsError.ThrowIfError(count == 0 ? LibOsError.NoEntry : count, "libos_console_read");
                _next = 0;
                _end = (int)count;
            }
        }
    }
}

/// <summary>The machine's console, written to without <c>System.Console</c>, which takes long to start.</summary>
internal sealed unsafe partial class LibOsOutput : TextOutput
{
    private const int StandardOutput = 1;

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> ascii)
    {
        fixed (byte* start = ascii)
        {
            nint done = 0;
            while (done < ascii.Length)
            {
                nint written = WriteFile(StandardOutput, start + done, (nuint)(ascii.Length - done));
                if (written <= 0)
                {
                    throw new InvalidOperationException("the console does not take output");
                }

                done += written;
            }
        }
    }

    [DllImport("libc", EntryPoint = "write")]
    private static extern nint WriteFile(int descriptor, byte* buffer, nuint length);
}
