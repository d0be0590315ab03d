using System;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Entropy;

/// <summary>
/// Random bytes for the program: a ChaCha20 generator with fast key erasure, keyed from RDRAND where there is one, and
/// from the jitter of the timestamp counter always.
/// </summary>
/// <remarks>
/// Without RDRAND the bytes are good enough for hash seeds and packet identifiers, not for secrets; the start-up line
/// says so.
/// </remarks>
internal unsafe struct EntropyPool
{
    private const int KeyWord = 4;
    private const int KeyWords = 8;
    private const int CounterWord = 12;
    private const int JitterSamples = 64;
    private const int RandomTries = 10;

    private fixed uint _state[ChaCha20.StateWords];

    /// <summary>Whether the key came from the processor's generator.</summary>
    public bool IsFromHardware { get; private set; }

    /// <summary>Keys the generator.</summary>
    /// <param name="hasRandom">Whether RDRAND may be used.</param>
    /// <param name="salt">Anything that differs between machines or boots, such as the wall clock.</param>
    public void Initialize(bool hasRandom, ulong salt)
    {
        _state[0] = 0x6170_7865;
        _state[1] = 0x3320_646E;
        _state[2] = 0x7962_2D32;
        _state[3] = 0x6B20_6574;
        _state[CounterWord + 2] = (uint)salt;
        _state[CounterWord + 3] = (uint)(salt >> 32);

        for (int i = 0; i < JitterSamples; i++)
        {
            _state[KeyWord + (i % KeyWords)] ^= (uint)Processor.ReadTimestamp();
            Processor.Pause();
            if (i % KeyWords == KeyWords - 1)
            {
                Rekey();
            }
        }

        if (hasRandom)
        {
            IsFromHardware = MixHardware();
        }

        Rekey();
    }

    public void Read(byte* buffer, ulong length)
    {
        uint* block = stackalloc uint[ChaCha20.StateWords];
        while (length != 0)
        {
            NextBlock(block);
            ulong part = Math.Min(length, ChaCha20.BlockBytes);
            Processor.Copy(buffer, block, part);
            buffer += part;
            length -= part;
        }

        // So that what was given out cannot be computed from what is kept.
        Rekey();
    }

    /// <summary>Mixes bytes into the key. Whoever chose them learns nothing, and cannot make it worse.</summary>
    public void Mix(byte* bytes, ulong length)
    {
        for (ulong i = 0; i < length; i++)
        {
            int place = (int)(i % (KeyWords * sizeof(uint)));
            _state[KeyWord + (place / sizeof(uint))] ^= (uint)bytes[i] << (8 * (place % sizeof(uint)));
            if (place == (KeyWords * sizeof(uint)) - 1)
            {
                Rekey();
            }
        }

        Rekey();
    }

    private bool MixHardware()
    {
        bool isComplete = true;
        for (int i = 0; i < KeyWords; i += 2)
        {
            ulong value = 0;
            bool isValid = false;
            for (int attempt = 0; attempt < RandomTries && !isValid; attempt++)
            {
                isValid = Processor.ReadRandom(&value) != 0;
            }

            isComplete &= isValid;
            _state[KeyWord + i] ^= (uint)value;
            _state[KeyWord + i + 1] ^= (uint)(value >> 32);
        }

        return isComplete;
    }

    private void Rekey()
    {
        uint* block = stackalloc uint[ChaCha20.StateWords];
        NextBlock(block);
        for (int i = 0; i < KeyWords; i++)
        {
            _state[KeyWord + i] = block[i];
        }
    }

    private void NextBlock(uint* block)
    {
        fixed (uint* state = _state)
        {
            ChaCha20.Block(state, block);
        }

        if (++_state[CounterWord] == 0)
        {
            _state[CounterWord + 1]++;
        }
    }
}

/// <summary>The ChaCha20 block function (RFC 8439, 2.3).</summary>
internal static unsafe class ChaCha20
{
    /// <summary>The words of the state: constants, key, counter, nonce.</summary>
    public const int StateWords = 16;

    public const int BlockBytes = 64;

    /// <summary>Computes one block of key stream.</summary>
    /// <param name="state">16 words; not changed.</param>
    /// <param name="block">16 words of result.</param>
    public static void Block(uint* state, uint* block)
    {
        for (int i = 0; i < StateWords; i++)
        {
            block[i] = state[i];
        }

        for (int round = 0; round < 10; round++)
        {
            QuarterRound(block, 0, 4, 8, 12);
            QuarterRound(block, 1, 5, 9, 13);
            QuarterRound(block, 2, 6, 10, 14);
            QuarterRound(block, 3, 7, 11, 15);
            QuarterRound(block, 0, 5, 10, 15);
            QuarterRound(block, 1, 6, 11, 12);
            QuarterRound(block, 2, 7, 8, 13);
            QuarterRound(block, 3, 4, 9, 14);
        }

        for (int i = 0; i < StateWords; i++)
        {
            block[i] += state[i];
        }
    }

    private static void QuarterRound(uint* words, int a, int b, int c, int d)
    {
        words[a] += words[b];
        words[d] = Rotate(words[d] ^ words[a], 16);
        words[c] += words[d];
        words[b] = Rotate(words[b] ^ words[c], 12);
        words[a] += words[b];
        words[d] = Rotate(words[d] ^ words[a], 8);
        words[c] += words[d];
        words[b] = Rotate(words[b] ^ words[c], 7);
    }

    private static uint Rotate(uint value, int count) => (value << count) | (value >> (32 - count));
}
