using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>The status page in a browser.</summary>
public sealed class BrowserTests : QemuTest
{
    private static readonly string[] s_browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

    [Test]
    [NightlyOnly]
    public void A_browser_shows_the_status_page()
    {
        string? browser = s_browsers.FirstOrDefault(File.Exists);
        if (browser is null)
        {
            Assert.Ignore("There is no browser. Install one with: apt-get install chromium");
        }

        int port = HostPort.FindFree();
        QemuGuest guest = Start(new GuestOptions()
            .WithNic(new NicOptions { Netdev = $"user,hostfwd=tcp:127.0.0.1:{port}-:80" })
            .WithDisk(NewDisk()));
        guest.WaitForPrompt();
        guest.Type("net 0 dhcp\rnet 0 http 80\r");
        guest.WaitForLine("^net0: http at ");
        string url = $"http://127.0.0.1:{port}/";

        string page = Browse(browser!, "--dump-dom", url);
        Assert.That(page, Does.Contain("<h1>VirtioGuest").And.Contain("transmitq1").And.Contain("requestq1"));

        string picture = Artifacts.Keep("status-page.png");
        File.Delete(picture);
        Browse(browser!, $"--screenshot={picture}", url);
        TestContext.AddTestAttachment(picture, "the status page");
        Assert.That(Painted(File.ReadAllBytes(picture)), Is.GreaterThan(10_000), "bytes that are not zero");
        guest.Type("net 0 services\r");
        guest.WaitForLine("^net0: http at .*, [1-9][0-9]* requests$");
    }

    private string Browse(string browser, string what, string url) => Tool.Run(
        browser,
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--window-size=1200,1400",
        $"--user-data-dir={Path.Combine(Folder, "browser")}",
        what,
        url);

    /// <summary>How much of a PNG picture differs from its surroundings: nothing, where it has one colour.</summary>
    private static int Painted(byte[] picture)
    {
        using var packed = new MemoryStream();
        int at = 8;
        while (at < picture.Length)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(picture.AsSpan(at));
            if (Encoding.ASCII.GetString(picture, at + 4, 4) == "IDAT")
            {
                packed.Write(picture, at + 8, length);
            }

            at += length + 12;
        }

        packed.Position = 0;
        using var rows = new ZLibStream(packed, CompressionMode.Decompress);
        using var filtered = new MemoryStream();
        rows.CopyTo(filtered);
        return filtered.ToArray().Count(value => value != 0);
    }
}
