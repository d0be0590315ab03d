namespace VirtioGuest.LibOS.Entropy;

/// <summary>The ChaCha20 block function (RFC 8439, 2.3).</summary>
internal static unsafe class ChaCha20
{
    /// <summary>The words of the state: constants, key, counter, nonce.</summary>
    public const int StateWords = 16;

    /// <summary>The bytes that a block yields.</summary>
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
