"""What the page for phones says, in the languages of the web app.

Pure.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["WORDS", "language_of"]

LANGUAGES_CHARACTERS_MAX: Final = 256
"""So much of what a browser prefers is read."""

ENGLISH: Final = {
    "title": "Trust your node",
    "why": "A phone lets a page listen, work offline and be installed only if the connection is encrypted and somebody "
    "vouches for the other side. No public authority vouches for an address at home, so your node does it itself: "
    "with this certificate your phone knows it.",
    "reach": "The certificate is good for private addresses and names in .local only. It cannot vouch for a bank or "
    "any other site, not even if somebody steals its key.",
    "reach_host": "The certificate is good for {host} only, under which your node is reached from outside. It cannot "
    "vouch for a bank or any other site, not even if somebody steals its key.",
    "take": "Download the certificate",
    "android": "Download it with the button above.\nOpen the phone's settings and search for “CA certificate”. It is "
    "below Security, then Encryption & credentials, then Install a certificate.\nChoose “CA certificate”, read the "
    "warning, choose “Install anyway” and the file micro.crt.\nUse Chrome, Edge or Samsung Internet. Firefox "
    "does not look at this certificate by itself.",
    "profile": "Download the profile",
    "apple": "Open this page in Safari and download the profile with the button above.\nOpen Settings, then “Profile "
    "Downloaded”, and install {name}.\nIn Settings open General, About, Certificate Trust Settings, and switch on "
    "{name}. Without this last step the phone does not trust it.",
    "compare": "Compare",
    "compare_how": "This page came without encryption. Make sure that nobody has put in a certificate of his own: open "
    "{name} in the list of certificates on the phone, and compare its SHA-256 fingerprint with the one that Settings "
    "of your node show. They must be the same. If they are not, remove it again.",
    "after": "Then scan the second code of Settings, which signs this phone in. This page closes by itself ten minutes "
    "after pairing was begun.",
}

GERMAN: Final = {
    "title": "Vertraue deinem Knoten",
    "why": "Ein Telefon lässt eine Seite nur zuhören, ohne Netz arbeiten und sich installieren, wenn die Verbindung "
    "verschlüsselt ist und jemand für die Gegenseite bürgt. Keine öffentliche Stelle bürgt für eine Adresse zu Hause, "
    "also tut es dein Knoten selbst: An diesem Zertifikat erkennt ihn dein Telefon.",
    "reach": "Das Zertifikat gilt nur für private Adressen und Namen in .local. Für eine Bank oder eine andere Seite "
    "kann es nicht bürgen, auch nicht, wenn jemand seinen Schlüssel stiehlt.",
    "reach_host": "Das Zertifikat gilt nur für {host}, unter dem dein Knoten von außen erreicht wird. Für eine Bank "
    "oder eine andere Seite kann es nicht bürgen, auch nicht, wenn jemand seinen Schlüssel stiehlt.",
    "take": "Zertifikat herunterladen",
    "android": "Lade es mit dem Knopf herunter.\nÖffne die Einstellungen des Telefons und suche nach „CA-Zertifikat“. "
    "Es steht unter Sicherheit, Verschlüsselung und Anmeldedaten, Zertifikat installieren.\nWähle „CA-Zertifikat“, "
    "lies die Warnung, wähle „Trotzdem installieren“ und die Datei micro.crt.\nNimm Chrome, Edge oder Samsung "
    "Internet. Firefox sieht von sich aus nicht auf dieses Zertifikat.",
    "profile": "Profil herunterladen",
    "apple": "Öffne diese Seite in Safari und lade das Profil mit dem Knopf herunter.\nÖffne die Einstellungen, dann "
    "„Profil geladen“, und installiere {name}.\nÖffne in den Einstellungen Allgemein, Info, "
    "Zertifikatsvertrauenseinstellungen und schalte {name} ein. Ohne diesen letzten Schritt vertraut ihm das Telefon "
    "nicht.",
    "compare": "Vergleichen",
    "compare_how": "Diese Seite kam unverschlüsselt. Prüfe, dass niemand ein eigenes Zertifikat untergeschoben hat: "
    "Öffne {name} in der Liste der Zertifikate auf dem Telefon und vergleiche den SHA-256-Fingerabdruck mit dem, den "
    "die Einstellungen deines Knotens zeigen. Sie müssen gleich sein. Sind sie es nicht, entferne es wieder.",
    "after": "Lies danach den zweiten Code der Einstellungen ein, der dieses Telefon anmeldet. Diese Seite schließt "
    "sich zehn Minuten nach dem Beginn von selbst.",
}

SPANISH: Final = {
    "title": "Confía en tu nodo",
    "why": "Un teléfono solo deja que una página escuche, funcione sin conexión y se instale si la conexión está "
    "cifrada y alguien responde por el otro lado. Ninguna autoridad pública responde por una dirección de casa, así "
    "que lo hace tu propio nodo: con este certificado tu teléfono lo reconoce.",
    "reach": "El certificado solo vale para direcciones privadas y nombres de .local. No puede responder por un banco "
    "ni por ningún otro sitio, ni siquiera si alguien roba su clave.",
    "reach_host": "El certificado solo vale para {host}, con el que se llega a tu nodo desde fuera. No puede responder "
    "por un banco ni por ningún otro sitio, ni siquiera si alguien roba su clave.",
    "take": "Descargar el certificado",
    "android": "Descárgalo con el botón.\nAbre los ajustes del teléfono y busca «certificado de CA». Está en "
    "Seguridad, Encriptación y credenciales, Instalar un certificado.\nElige «Certificado de CA», lee el aviso, elige "
    "«Instalar de todos modos» y el archivo micro.crt.\nUsa Chrome, Edge o Samsung Internet. Firefox no mira este "
    "certificado por sí solo.",
    "profile": "Descargar el perfil",
    "apple": "Abre esta página en Safari y descarga el perfil con el botón.\nAbre Ajustes, después «Perfil "
    "descargado», e instala {name}.\nEn Ajustes abre General, Información, Ajustes de confianza de los certificados, y "
    "activa {name}. Sin este último paso el teléfono no confía en él.",
    "compare": "Comparar",
    "compare_how": "Esta página llegó sin cifrar. Comprueba que nadie ha puesto un certificado suyo: abre {name} en la "
    "lista de certificados del teléfono y compara su huella SHA-256 con la que muestran los ajustes de tu nodo. Deben "
    "ser iguales. Si no lo son, quítalo.",
    "after": "Después escanea el segundo código de los ajustes, que inicia la sesión de este teléfono. Esta página se "
    "cierra sola diez minutos después de empezar.",
}

WORDS: Final = {"en": ENGLISH, "de": GERMAN, "es": SPANISH}


def language_of(languages: str) -> str:
    """Returns the first language that a browser prefers and that is spoken here, as `Accept-Language` orders them."""
    preferred: list[str] = re.findall(r"\b[a-z]{2,3}\b", languages[:LANGUAGES_CHARACTERS_MAX].lower())
    return next((wanted for wanted in preferred if wanted in WORDS), "en")
